/* SPDX-License-Identifier: MIT */
/*
 * Lazy: a value that is computed when it is first asked for, once however many
 * ask, and then stays until it is reset.
 *
 * It is an expression over structures of its segment, which who asks by force
 * computes himself; or external: who serves it takes it when it is wanted, and
 * sets it. zipc_lazy(3) has the language.
 *
 * Progress    wait-free to read when it is done (again if it was just reset);
 *             that writes nothing, so it works where only reading is allowed.
 *             Who computes waits for inputs, but never while he has the word.
 * Ordering    what was done before it was asked for, or reset, is seen by who
 *             computes it; what he did before, by who finds it done. Between
 *             two resets it has one value at most.
 * Crash       a killed computation has committed all of its value, or nothing.
 *             A dead computer is replaced within about 100 ms, a stopped one
 *             after stall_ns; but the first that commits counts.
 */
#ifndef ZIPC_LAZY_H
#define ZIPC_LAZY_H

#include <zipc/segment.h>
#include <zipc/type.h>

#ifdef __cplusplus
extern "C" {
#endif

struct zipc_lazy;

#define ZIPC_LAZY_TEXT_MAX 4095   /* of an expression, without its NUL */
#define ZIPC_LAZY_MESSAGE_MAX 127 /* of a failure, likewise */

struct zipc_lazy_options {
	int retries; /* a failure is computed again by who asks anew */
	/* When one who computes is replaced; 0: 1 s; ZIPC_FOREVER: never. */
	int64_t stall_ns;
};

/*
 * One that is idle, by an expression; type NULL: what that gives, of up to a
 * MiB. Its inputs are looked up, for their types: -ENOENT one is missing (given
 * a type, a plain name may be: it is taken to be of that); -ELOOP it names
 * itself; -EINVAL, naming the column. expression NULL of create_with: it is
 * external. Else as zipc_future_create(), and the like.
 */
int zipc_lazy_create(struct zipc_lazy **out, struct zipc_segment *segment,
		     const char *name, const char *type,
		     const char *expression);
int zipc_lazy_create_external(struct zipc_lazy **out,
			      struct zipc_segment *segment, const char *name,
			      const char *type);
int zipc_lazy_create_with(struct zipc_lazy **out, struct zipc_segment *segment,
			  const char *name, const char *type,
			  const char *expression,
			  const struct zipc_lazy_options *options);
int zipc_lazy_open(struct zipc_lazy **out, struct zipc_segment *segment,
		   const char *name, const char *type);
/* -EPROTOTYPE also if it is there with another expression. */
int zipc_lazy_open_or_create(struct zipc_lazy **out,
			     struct zipc_segment *segment, const char *name,
			     const char *type, const char *expression);

/* Ask for it, a daemon too. 0, also when it is done or asked for; -EROFS. */
int zipc_lazy_request(struct zipc_lazy *lazy);

/*
 * The value. force computes it here if it can, and its inputs; get asks for it
 * and waits for others. 0; -ECANCELED it has failed; -EAGAIN, -ETIMEDOUT it, or
 * an input, is not there in time; -ELOOP it needs itself, or is too deep;
 * -ENOENT, -EPROTOTYPE, -EOWNERDEAD of an input; -EDEADLK this handle has taken
 * it; -EUSERS; -EROFS; -EBADMSG.
 */
int zipc_lazy_force(struct zipc_lazy *lazy, void *elem, int64_t timeout_ns);
int zipc_lazy_get(struct zipc_lazy *lazy, void *elem, int64_t timeout_ns);

/* Forget the value or failure; who computes now computes for nobody. */
int zipc_lazy_reset(struct zipc_lazy *lazy);

/*
 * Of an external one: wait until it is wanted, and take it. 0; -EAGAIN,
 * -ETIMEDOUT it is not; -EBUSY this handle has it; -EINVAL it is an expression.
 * Then set it, fail it as a future, or give it back, so that it is wanted. 0;
 * -EPERM this handle has not taken it, or it was reset since; -EALREADY another
 * has been first.
 */
int zipc_lazy_serve(struct zipc_lazy *lazy, int64_t timeout_ns);
int zipc_lazy_set(struct zipc_lazy *lazy, const void *elem);
int zipc_lazy_fail(struct zipc_lazy *lazy, int code, const char *message);
int zipc_lazy_withdraw(struct zipc_lazy *lazy);

/* Compute one that is wanted. 1; 0 none is; or what force returned of each. */
int zipc_lazy_resolve(struct zipc_segment *segment, int64_t timeout_ns);

/* As zipc_future_error(). */
int zipc_lazy_error(struct zipc_lazy *lazy, int *code, char *message,
		    size_t size);

enum zipc_lazy_is {
	ZIPC_LAZY_IDLE,
	ZIPC_LAZY_WANTED,
	ZIPC_LAZY_RUNNING, /* by one who lives */
	ZIPC_LAZY_DONE,
	ZIPC_LAZY_FAILED,
};
/* What it is, or -ENOENT, -EBADMSG. */
int zipc_lazy_state(struct zipc_lazy *lazy);
const struct zipc_type *zipc_lazy_type(const struct zipc_lazy *lazy);
const char *zipc_lazy_expression(const struct zipc_lazy *lazy); /* or NULL */

/* What this handle has taken is wanted again. */
void zipc_lazy_close(struct zipc_lazy *lazy);

#ifdef __cplusplus
}
#endif

#endif
