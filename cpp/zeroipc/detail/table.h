/* SPDX-License-Identifier: MIT */
/*
 * The table of structures: finding one by name, adding and removing one.
 *
 * A structure is committed by one 64-bit store: in an entry behind all others
 * that of {entry_count, next_offset}, in one that was unused that of its
 * extent. Until then its block lies in no entry's extent, where nothing is
 * anybody's, and a creator killed at any instruction leaves nothing. One more
 * store of the extent removes it; what happens to the block then: use.h and
 * room.h.
 *
 *   edge    written by   read by      carries
 *   table   set_table    read_table   entries below the count
 */
#ifndef ZEROIPC_DETAIL_TABLE_H
#define ZEROIPC_DETAIL_TABLE_H

#include <zeroipc/detail/room.h>
#include <zeroipc/type.h>

#include <functional>
#include <string>
#include <vector>

namespace zeroipc::detail {

/* A structure that was found: its block in the mapping, checked and copied. */
struct Found {
	std::shared_ptr<Use> use; /* a handle takes it over */
	Block *block = nullptr; /* in shared memory */
	unsigned char *body = nullptr; /* body_bytes are inside the mapping */
	std::uint64_t elem_size = 0, capacity = 0, body_bytes = 0;
	std::string type;
};

/* What a kind wants to add. */
struct Plan {
	Kind kind;
	Type type;
	std::uint64_t capacity = 0; /* elements, at least 1 */
	std::uint64_t body_bytes = 0; /* UINT64_MAX: too many */
	std::uint64_t elem_size_most = 0;
	/* Fill the body, which is zero. */
	std::function<void(unsigned char *body)> build = {};
};

/* What who opens asks of the elements. */
struct Wanted {
	Kind kind;
	const Type *type = nullptr; /* null: any */
	std::uint64_t elem_size = 0; /* 0: any */
};

inline const char *kind_name(std::uint32_t kind)
{
	return kind == kind_array ? "array"
	     : kind == kind_queue ? "queue"
				  : "structure";
}

inline std::uint32_t name_check_of(const std::string &name)
{
	std::uint32_t hash = 2166136261;

	for (char c : name)
		hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
	return hash;
}

inline void check_name(const std::string &name)
{
	bool well = !name.empty() && name != "." && name != "..";

	if (name.size() > name_most)
		fail(ENAMETOOLONG, "a structure's name has at most %zu bytes: "
		     "`%s` has %zu", name_most, name.c_str(), name.size());
	for (unsigned char c : name)
		well = well && c >= ' ' && c != 0x7F && c != '/';
	if (!well)
		fail(EINVAL, "`%s` cannot name a structure: use a word without "
		     "`/` and control characters", name.c_str());
}

/* finding */

/* The name of entry i, if it has a structure; else none. */
inline std::string name_in(const Segment &segment, std::uint32_t i)
{
	char copy[sizeof(Entry::name)];
	const std::uint64_t extent = segment.table.extent(i);

	if (segment.table.read(extent).state != Extent::there)
		return {};
	copy_out(copy, segment.table.entry(i).name, sizeof(copy));
	copy[sizeof(copy) - 1] = '\0';
	return copy;
}

/* The entry of a structure called name; count if there is none. */
inline std::uint32_t look_up(const Segment &segment, std::uint32_t count,
			     const std::string &name)
{
	for (std::uint32_t i = 0; i < count; i++)
		if (name_in(segment, i) == name)
			return i;
	return count;
}

[[noreturn]] inline void damaged(const Segment &segment, const char *name,
				 const char *what)
{
	fail(EBADMSG, "structure `%s` in segment `/%s` is damaged: %s", name,
	     segment.name.c_str(), what);
}

/* Copy the descriptor and check the copy against entry and mapping. */
inline Block copy_block(Found &found, const Segment &segment, const char *name)
{
	const Extent extent = found.use->extent();
	const std::uint64_t offset = extent.at, size = extent.bytes;
	Block copy;

	if (!extent.fits(segment.table.begin, segment.size))
		damaged(segment, name, "its block lies where none can be");
	found.block = reinterpret_cast<Block *>(segment.base + offset);
	/* Its waiting line changes; that is not looked at. */
	copy_out(&copy, reinterpret_cast<Word<std::uint64_t> *>(found.block),
		 offsetof(Block, readable));
	if (copy.name_check != name_check_of(name))
		damaged(segment, name, "its block belongs to another name");
	if (copy.type_length > type_most || copy.type_offset < sizeof(copy) ||
	    copy.type_offset > size ||
	    copy.type_length > size - copy.type_offset)
		damaged(segment, name, "its type text lies beyond its block");
	if (copy.body_offset % line || copy.body_offset < sizeof(copy) ||
	    copy.body_offset > size ||
	    copy.body_bytes > size - copy.body_offset)
		damaged(segment, name, "its body lies beyond its block");
	found.body = segment.base + offset + copy.body_offset;
	found.body_bytes = copy.body_bytes;
	found.elem_size = copy.elem_size;
	found.capacity = copy.capacity;
	return copy;
}

/* Parse the type text that stands in the block. */
inline Type read_type(const Found &found, const Block &copy,
		      const Segment &segment, const char *name)
{
	const std::string text(reinterpret_cast<const char *>(found.block) +
				       copy.type_offset,
			       copy.type_length);

	try {
		Type type(text);

		if (type.size() == copy.elem_size && copy.capacity)
			return type;
	} catch (const Error &) {
		damaged(segment, name, "its type text makes no sense");
	}
	damaged(segment, name, "its type and its sizes do not agree");
}

inline void check_type(const Segment &segment, const char *name,
		       const Type &there, const Wanted &wanted)
{
	if (wanted.elem_size && wanted.elem_size != there.size())
		fail(EPROTOTYPE, "`%s` in segment `/%s` has elements of type "
		     "%s, which are %llu bytes: they can not be taken for "
		     "others of %llu", name, segment.name.c_str(),
		     there.text().c_str(),
		     static_cast<unsigned long long>(there.size()),
		     static_cast<unsigned long long>(wanted.elem_size));
	if (!wanted.type)
		return;

	const std::string difference = wanted.type->difference(there);

	if (!difference.empty())
		fail(EPROTOTYPE, "`%s` in segment `/%s` has elements of type "
		     "%s, not %s: %s", name, segment.name.c_str(),
		     there.text().c_str(), wanted.type->text().c_str(),
		     difference.c_str());
}

inline void look_inside(Found &found, const Segment &segment,
			const char *name, const Wanted &wanted)
{
	const Block copy = copy_block(found, segment, name);

	if (copy.kind != wanted.kind)
		fail(EPROTOTYPE, "`%s` in segment `/%s` is of kind %s (%u), "
		     "not %s: open it as what it is", name,
		     segment.name.c_str(), kind_name(copy.kind), copy.kind,
		     kind_name(wanted.kind));
	/* A flag says that the body differs; none is known here. */
	if (copy.flags)
		fail(EPROTOTYPE, "`%s` in segment `/%s` is a %s with flags "
		     "0x%x, which this version does not know: use it from C, "
		     "or a newer version", name, segment.name.c_str(),
		     kind_name(copy.kind), copy.flags);

	const Type type = read_type(found, copy, segment, name);

	check_type(segment, name, type, wanted);
	found.type = type.text();
}

/*
 * What the use that has begun leads to; false: it is only read, and went
 * meanwhile, so that what was copied may be anybody's.
 */
inline bool open_found(Found &found, const Segment &segment,
		       const std::string &name, const Wanted &wanted)
{
	auto went = [&] {
		std::atomic_thread_fence(acquire);
		return segment.read_only && !found.use->stands();
	};

	try {
		look_inside(found, segment, name.c_str(), wanted);
	} catch (const Error &) {
		if (!went())
			throw;
		return false;
	}
	return !went();
}

/*
 * Find name; false if there is none. It looks again only when somebody has
 * removed or created in between, so somebody gets on.
 */
inline bool find_in_table(Found &found, Segment &segment,
			  const std::string &name, const Wanted &wanted)
{
	check_name(name);
	if (!segment.read_only)
		segment.enter();
	for (;;) {
		const std::uint32_t count = read_table(segment).count;
		const std::uint32_t i = look_up(segment, count, name);

		if (i == count)
			return false;
		found.use = std::make_shared<Use>(segment, i);
		if (found.use->begin(name) &&
		    open_found(found, segment, name, wanted))
			return true;
	}
}

inline Found find_structure(Segment &segment, const std::string &name,
			    const Wanted &wanted)
{
	Found found;

	if (!find_in_table(found, segment, name, wanted))
		fail(ENOENT, "no structure `%s` in segment `/%s`", name.c_str(),
		     segment.name.c_str());
	return found;
}

inline std::vector<std::string> structure_names(const Segment &segment)
{
	const std::uint32_t count = read_table(segment).count;
	std::vector<std::string> names;

	for (std::uint32_t i = 0; i < count; i++) {
		const std::string name = name_in(segment, i);

		if (!name.empty())
			names.push_back(name);
	}
	return names;
}

/* creating */

inline std::uint64_t type_bytes(const Plan &plan)
{
	return round_up(plan.type.text().size() + 1, line);
}

inline std::uint64_t total_bytes(const Plan &plan)
{
	return sizeof(Block) + type_bytes(plan) +
	       round_up(plan.body_bytes, line);
}

inline void check_plan(const Segment &segment, const std::string &name,
		       const Plan &plan)
{
	if (segment.read_only)
		fail(EROFS, "segment `/%s` is open for reading only: open it "
		     "for writing to create `%s`", segment.name.c_str(),
		     name.c_str());
	check_name(name);
	if (!plan.capacity)
		fail(EINVAL, "the capacity of `%s` is 0: it must hold at least "
		     "one element", name.c_str());
	if (plan.type.size() > plan.elem_size_most)
		fail(EINVAL, "elements of `%s` are %llu bytes: a %s takes at "
		     "most %llu", name.c_str(),
		     static_cast<unsigned long long>(plan.type.size()),
		     kind_name(plan.kind),
		     static_cast<unsigned long long>(plan.elem_size_most));
	if (plan.body_bytes > most_bytes)
		fail(ENOSPC, "`%s` would take more than the 256 GiB that a "
		     "segment can have", name.c_str());
}

/* Write the whole block, in place; nobody looks there yet. */
inline void write_block(unsigned char *at, std::uint64_t lives,
			const std::string &name, const Plan &plan)
{
	const std::string &text = plan.type.text();
	auto block = reinterpret_cast<Block *>(at);

	block->kind = plan.kind;
	block->generation = std::uint32_t(lives);
	block->elem_size = plan.type.size();
	block->capacity = plan.capacity;
	block->name_check = name_check_of(name);
	block->type_offset = sizeof(Block);
	block->type_length = std::uint32_t(text.size());
	block->body_offset = sizeof(Block) + type_bytes(plan);
	block->body_bytes = plan.body_bytes;
	std::memcpy(at + block->type_offset, text.c_str(), text.size() + 1);
	if (plan.build)
		plan.build(at + block->body_offset);
}

/*
 * The one store that makes it visible: of an entry behind all others that of
 * the table's state, of one that was unused that of its extent.
 */
inline void commit(Segment &segment, const Spot &room, const std::string &name,
		   const Plan &plan)
{
	Entry &entry = segment.table.entry(room.entry);
	const bool behind = room.entry == room.state.count;
	TableState state = room.state;
	char padded[sizeof(entry.name)] = {};

	std::memcpy(padded, name.data(), name.size());
	copy_in(entry.name, padded, sizeof(padded));
	if (!behind)
		set_table(segment, state);
	segment.table.set_extent(room.entry,
				 Extent::word(room.at, total_bytes(plan)));
	state.count++;
	if (behind)
		set_table(segment, state);
}

/*
 * Add name, as the plan says; false if it exists. It is used from here on, as
 * nobody can remove it under the lock.
 */
inline bool add_to_table(Found &found, Segment &segment,
			 const std::string &name, const Plan &plan)
{
	check_plan(segment, name, plan);

	CreateLock lock(segment);
	const std::uint32_t count = read_table(segment).count;

	if (look_up(segment, count, name) != count)
		return false;

	const Spot room = find_room(segment, name, total_bytes(plan));

	reserve(segment, room.at, total_bytes(plan), room.end);
	write_block(segment.base + room.at, segment.table.grow(room.entry),
		    name, plan);
	commit(segment, room, name, plan);
	found.use = std::make_shared<Use>(segment, room.entry);
	if (!found.use->begin(name))
		damaged(segment, name.c_str(), "it is not where it was put");
	return true;
}

inline Found create_structure(Segment &segment, const std::string &name,
			      const Plan &plan)
{
	Found found;

	if (!add_to_table(found, segment, name, plan))
		fail(EEXIST, "`%s` exists in segment `/%s`: open it",
		     name.c_str(), segment.name.c_str());
	look_inside(found, segment, name.c_str(), {plan.kind});
	return found;
}

/* Find, or else add; found things must have the plan's capacity too. */
inline Found open_or_create_structure(Segment &segment, const std::string &name,
				      const Plan &plan)
{
	const Wanted wanted = {plan.kind, &plan.type};
	Found found;

	while (!find_in_table(found, segment, name, wanted)) {
		if (segment.read_only)
			return find_structure(segment, name, wanted);
		/* Others may remove and create it between our two looks. */
		if (!add_to_table(found, segment, name, plan))
			continue;
		look_inside(found, segment, name.c_str(), wanted);
		break;
	}
	if (found.capacity != plan.capacity)
		fail(EPROTOTYPE, "`%s` in segment `/%s` has a capacity of "
		     "%llu, not %llu", name.c_str(), segment.name.c_str(),
		     static_cast<unsigned long long>(found.capacity),
		     static_cast<unsigned long long>(plan.capacity));
	return found;
}

/* removing */

/* The name goes at once; the space when nobody has it open any more. */
inline void remove_structure(Segment &segment, const std::string &name)
{
	check_name(name);
	if (segment.read_only)
		fail(EROFS, "segment `/%s` is open for reading only: open it "
		     "for writing to remove `%s`", segment.name.c_str(),
		     name.c_str());

	CreateLock lock(segment);
	const TableState state = read_table(segment);
	const std::uint32_t i = look_up(segment, state.count, name);

	if (i == state.count)
		fail(ENOENT, "no structure `%s` in segment `/%s`",
		     name.c_str(), segment.name.c_str());

	const std::uint64_t extent = segment.table.extent(i);

	if (!segment.table.read(extent).fits(segment.table.begin, state.next))
		damaged(segment, name.c_str(),
			"its block lies where none can be");
	segment.table.set_extent(i, ~extent);
	tidy_table(segment);
}

} // namespace zeroipc::detail

#endif
