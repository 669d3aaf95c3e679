/* SPDX-License-Identifier: MIT */
/*
 * Circles in the graph of who waits for whom. Processes are its nodes, which
 * may be several participants each; an edge leads from one that waits to one
 * that holds what it waits for, if both live. A depth
 * first walk along the edges meets each circle's last edge, which leads back to
 * a node that the walk has not left yet; what lies between is the circle. Of
 * circles that share edges some may be left out, but never all.
 *
 * A lock is a process's, and threads are not told apart. So a circle is certain
 * only if each process in it has as many waits that lead into the circle as it
 * has threads: a thread that waits for somebody else may go on, and let go. A
 * process that waits for itself is a circle only then.
 */
#include "inspect_waits.h"

#include "error.h"
#include "participant.h"

#include <stdlib.h>

#define PAIRS_MOST (1u << 20) /* of who waits and who holds */
#define CYCLES_MOST 64u

struct edge {
	unsigned from, to; /* nodes */
	unsigned wait;     /* each has a number */
	const struct zipc_view_blocked *blocked;
};

struct node {
	struct zipc_view_participant who;
	struct zipc_life life;
	unsigned threads;     /* 0: not known */
	unsigned first, end;  /* its edges */
	unsigned next;        /* the one to go along next */
	bool entered, left, in_cycle;
};

struct walk {
	struct zipc_view *view;
	struct node *nodes;
	struct edge *edges;
	const unsigned *threads; /* by a participant's index */
	unsigned *node_of; /* by a participant's index: 1 + its node, or 0 */
	unsigned node_count, edge_count, edge_room, wait_count, pairs_left;
	unsigned *path, depth; /* nodes */
	struct zipc_view_cycle *cycles;
	unsigned cycle_count;
};

static int no_memory(void)
{
	return zipc_fail_as(ENOMEM, "out of memory");
}

/* the graph */

static int add_edge(struct walk *walk, const struct edge *edge)
{
	unsigned more = walk->edge_room ? 2 * walk->edge_room : 64;
	struct edge *edges = walk->edges;

	if (walk->edge_count == walk->edge_room) {
		edges = realloc(edges, more * sizeof(*edges));
		if (!edges)
			return no_memory();
		walk->edges = edges;
		walk->edge_room = more;
	}
	edges[walk->edge_count++] = *edge;
	return 0;
}

static bool is_same(const struct zipc_life *a, const struct zipc_life *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks &&
	       a->pid_namespace == b->pid_namespace;
}

/* There is one for each participant at most. */
static unsigned node_of(struct walk *walk,
			const struct zipc_view_participant *who)
{
	unsigned *known = &walk->node_of[who->index], i = 0;
	struct zipc_life life;

	if (*known)
		return *known - 1;
	life = zipc_view_life(walk->view, who->index);
	if (!life.start_ticks || !life.pid_namespace)
		i = walk->node_count; /* who knows who that is */
	while (i < walk->node_count && !is_same(&walk->nodes[i].life, &life))
		i++;
	if (i == walk->node_count) {
		walk->nodes[i].who = *who;
		walk->nodes[i].life = life;
		walk->node_count++;
	}
	*known = i + 1;
	return i;
}

static int add_edges_of(struct walk *walk, const struct zipc_view_waiter *it,
			const struct zipc_view_blocked *blocked,
			const struct zipc_look *look)
{
	const struct zipc_view_participant *holder;
	unsigned i, from = node_of(walk, &it->who);
	int rc = 0;

	walk->nodes[from].threads = walk->threads[it->who.index];
	walk->wait_count++;
	if (blocked->holder_count > walk->pairs_left) {
		walk->pairs_left = 0;
		return 0;
	}
	walk->pairs_left -= blocked->holder_count;
	for (i = 0; i < blocked->holder_count && !rc; i++) {
		holder = &blocked->holders[i].who;
		if (!holder->alive || !(look->holders[i].blocks >> it->to & 1))
			continue;
		rc = add_edge(walk, &(struct edge){
					    from, node_of(walk, holder),
					    walk->wait_count, blocked });
	}
	return rc;
}

static int compare_edges(const void *one, const void *other)
{
	const struct edge *a = one, *b = other;

	if (a->from != b->from)
		return a->from > b->from ? 1 : -1;
	return (a->wait > b->wait) - (a->wait < b->wait);
}

static int make_graph(struct walk *walk, const struct zipc_view_blocked *all,
		      const struct zipc_look *looks, unsigned count)
{
	unsigned i, k;
	int rc = 0;

	for (i = 0; i < count; i++)
		for (k = 0; k < all[i].waiter_count && !rc; k++)
			rc = add_edges_of(walk, &all[i].waiters[k], &all[i],
					  &looks[i]);
	if (rc || !walk->edge_count)
		return rc;
	qsort(walk->edges, walk->edge_count, sizeof(*walk->edges),
	      compare_edges);
	for (i = walk->edge_count; i-- > 0;) {
		struct node *node = &walk->nodes[walk->edges[i].from];

		if (!node->end)
			node->end = i + 1;
		node->first = node->next = i;
	}
	return 0;
}

/* cycles */

/* Its waits that lead to one in the circle. */
static unsigned waits_in_cycle(const struct walk *walk, const struct node *node)
{
	unsigned i, last = 0, count = 0;

	for (i = node->first; i < node->end; i++) {
		const struct edge *edge = &walk->edges[i];

		if (edge->wait == last || !walk->nodes[edge->to].in_cycle)
			continue;
		last = edge->wait;
		count++;
	}
	return count;
}

static void fill_step(const struct walk *walk, struct zipc_view_step *step,
		      const struct node *node, unsigned *certain)
{
	step->who = node->who;
	step->waits_for = walk->edges[node->next - 1].blocked;
	step->threads = node->threads;
	if (!step->threads || step->threads > waits_in_cycle(walk, node))
		*certain = 0;
}

/* The path from there on to its end, and back. */
static int add_cycle(struct walk *walk, unsigned from)
{
	struct zipc_view_cycle *all = walk->cycles, it = { .certain = 1 };
	struct zipc_view_step *steps;
	unsigned i;

	if (walk->cycle_count == CYCLES_MOST)
		return 0;
	steps = calloc(walk->depth - from, sizeof(*steps));
	all = steps ? realloc(all, (walk->cycle_count + 1) * sizeof(*all))
		    : NULL;
	if (!all) {
		free(steps);
		return no_memory();
	}
	walk->cycles = all;
	for (i = from; i < walk->depth; i++)
		walk->nodes[walk->path[i]].in_cycle = true;
	for (i = from; i < walk->depth; i++)
		fill_step(walk, &steps[it.count++],
			  &walk->nodes[walk->path[i]], &it.certain);
	for (i = from; i < walk->depth; i++)
		walk->nodes[walk->path[i]].in_cycle = false;
	it.steps = steps;
	if (it.count == 1 && !it.certain)
		free(steps);
	else
		all[walk->cycle_count++] = it;
	return 0;
}

static unsigned place_on_path(const struct walk *walk, unsigned node)
{
	unsigned i = 0;

	while (walk->path[i] != node)
		i++;
	return i;
}

static void enter(struct walk *walk, unsigned node)
{
	walk->nodes[node].entered = true;
	walk->path[walk->depth++] = node;
}

static int walk_from(struct walk *walk, unsigned start)
{
	struct node *node, *to;
	unsigned next;
	int rc = 0;

	if (walk->nodes[start].entered)
		return 0;
	enter(walk, start);
	while (walk->depth && !rc) {
		node = &walk->nodes[walk->path[walk->depth - 1]];
		if (node->next == node->end) {
			node->left = true;
			walk->depth--;
			continue;
		}
		next = walk->edges[node->next++].to;
		to = &walk->nodes[next];
		if (!to->entered)
			enter(walk, next);
		else if (!to->left)
			rc = add_cycle(walk, place_on_path(walk, next));
	}
	return rc;
}

int zipc_waits_find_cycles(struct zipc_view_cycle **out, unsigned *count,
			   struct zipc_view *view,
			   const struct zipc_view_blocked *all,
			   const struct zipc_look *looks, unsigned n,
			   const unsigned *threads, unsigned *partial)
{
	unsigned i, most = view->header.max_participants;
	struct walk walk = { .view = view,
			     .threads = threads,
			     .pairs_left = PAIRS_MOST };
	int rc = 0;

	walk.nodes = calloc(most, sizeof(*walk.nodes));
	walk.path = calloc(most, sizeof(*walk.path));
	walk.node_of = calloc(most, sizeof(*walk.node_of));
	if (!walk.nodes || !walk.path || !walk.node_of)
		rc = no_memory();
	if (!rc)
		rc = make_graph(&walk, all, looks, n);
	for (i = 0; i < walk.node_count && !rc; i++)
		rc = walk_from(&walk, i);
	free(walk.nodes);
	free(walk.path);
	free(walk.node_of);
	free(walk.edges);
	if (!walk.pairs_left)
		*partial = 1;
	/* Also of a failure: who asked frees them. */
	*out = walk.cycles;
	*count = walk.cycle_count;
	return rc;
}
