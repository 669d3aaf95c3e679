/* SPDX-License-Identifier: MIT */
/*
 * The table of structures: finding one by name, and adding one.
 *
 * One 64-bit store of {entry_count, next_offset} commits a new structure: until
 * then its block and its entry lie beyond both and nobody looks there. So a
 * look-up is wait-free, and a creator killed at any instruction leaves nothing.
 *
 *   edge    written by   read by      carries
 *   table   commit       read_table   the entry, the block, its body
 */
#ifndef ZEROIPC_DETAIL_TABLE_H
#define ZEROIPC_DETAIL_TABLE_H

#include <zeroipc/detail/segment.h>
#include <zeroipc/detail/space.h>
#include <zeroipc/type.h>

#include <functional>
#include <string>
#include <vector>

namespace zeroipc::detail {

/* A structure that was found: its block in the mapping, checked and copied. */
struct Found {
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

inline Entry *entries(const Segment &segment)
{
	return reinterpret_cast<Entry *>(segment.base + sizeof(Header));
}

/* Where the first block stands, at the earliest. */
inline std::uint64_t blocks_begin(const Segment &segment)
{
	return std::uint64_t(reinterpret_cast<unsigned char *>(
				     segment.participants) - segment.base) +
	       segment.max_participants * sizeof(Participant);
}

struct TableState {
	std::uint32_t count;
	std::uint64_t next; /* the first free byte */
};

/* The table's state, checked. */
inline TableState read_table(const Segment &segment)
{
	/* table: acquire; pairs with commit(). */
	const std::uint64_t word = segment.header().table_state.load(acquire);
	const TableState state = {std::uint32_t(word), (word >> 32) * line};

	if (state.count > segment.max_entries || state.next > segment.size ||
	    state.next < blocks_begin(segment))
		fail(EBADMSG, "segment `/%s` is damaged: its table says %u "
		     "entries of %u, and %llu bytes of %llu",
		     segment.name.c_str(), state.count, segment.max_entries,
		     static_cast<unsigned long long>(state.next),
		     static_cast<unsigned long long>(segment.size));
	return state;
}

/* A copy of entry i, whose name ends. */
inline Entry copy_entry(const Segment &segment, std::uint32_t i)
{
	Entry copy = entries(segment)[i];

	copy.name[sizeof(copy.name) - 1] = '\0';
	return copy;
}

/* The entry called name, as a copy; false if there is none. */
inline bool look_up(Entry &copy, const Segment &segment, std::uint32_t count,
		    const std::string &name)
{
	for (std::uint32_t i = 0; i < count; i++) {
		copy = copy_entry(segment, i);
		if (name == copy.name)
			return true;
	}
	return false;
}

[[noreturn]] inline void damaged(const Segment &segment, const char *name,
				 const char *what)
{
	fail(EBADMSG, "structure `%s` in segment `/%s` is damaged: %s", name,
	     segment.name.c_str(), what);
}

/* Copy the descriptor and check the copy against entry and mapping. */
inline Block copy_block(Found &found, const Segment &segment,
			const Entry &entry)
{
	const std::uint64_t offset = entry.offset * line;
	const std::uint64_t size = entry.size * line;
	Block copy;

	if (size < sizeof(copy) || offset < blocks_begin(segment) ||
	    offset > segment.size || size > segment.size - offset)
		damaged(segment, entry.name,
			"its block lies where none can be");
	found.block = reinterpret_cast<Block *>(segment.base + offset);
	/* Its waiting line changes; that is not looked at. */
	std::memcpy(&copy, found.block, offsetof(Block, readable));
	if (copy.name_check != name_check_of(entry.name))
		damaged(segment, entry.name,
			"its block belongs to another name");
	if (copy.type_length > type_most || copy.type_offset < sizeof(copy) ||
	    copy.type_offset > size ||
	    copy.type_length > size - copy.type_offset)
		damaged(segment, entry.name,
			"its type text lies beyond its block");
	if (copy.body_offset % line || copy.body_offset < sizeof(copy) ||
	    copy.body_offset > size ||
	    copy.body_bytes > size - copy.body_offset)
		damaged(segment, entry.name, "its body lies beyond its block");
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

inline Found found_entry(const Segment &segment, const Entry &entry,
			 const Wanted &wanted)
{
	Found found;
	const Block copy = copy_block(found, segment, entry);

	if (copy.kind != wanted.kind)
		fail(EPROTOTYPE, "`%s` in segment `/%s` is of kind %s (%u), "
		     "not %s: open it as what it is", entry.name,
		     segment.name.c_str(), kind_name(copy.kind), copy.kind,
		     kind_name(wanted.kind));
	/* A flag says that the body differs; none is known here. */
	if (copy.flags)
		fail(EPROTOTYPE, "`%s` in segment `/%s` is a %s with flags "
		     "0x%x, which this version does not know: use it from C, "
		     "or a newer version", entry.name, segment.name.c_str(),
		     kind_name(copy.kind), copy.flags);

	const Type type = read_type(found, copy, segment, entry.name);

	check_type(segment, entry.name, type, wanted);
	found.type = type.text();
	return found;
}

/* Find name; false if there is none. */
inline bool find_in_table(Found &found, const Segment &segment,
			  const std::string &name, const Wanted &wanted)
{
	Entry entry;

	check_name(name);
	if (!look_up(entry, segment, read_table(segment).count, name))
		return false;
	found = found_entry(segment, entry, wanted);
	return true;
}

inline Found find_structure(const Segment &segment, const std::string &name,
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

	for (std::uint32_t i = 0; i < count; i++)
		names.emplace_back(copy_entry(segment, i).name);
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

inline void check_room(const Segment &segment, const TableState &state,
		       const std::string &name, const Plan &plan)
{
	const std::uint64_t total = total_bytes(plan);

	if (state.count >= segment.max_entries)
		fail(ENOSPC, "the table of segment `/%s` is full with %u "
		     "structures: create the segment with more (max_entries)",
		     segment.name.c_str(), state.count);
	if (total > segment.size - state.next)
		fail(ENOSPC, "`%s` takes %llu bytes, segment `/%s` has %llu "
		     "left of %llu: create a larger one", name.c_str(),
		     static_cast<unsigned long long>(total),
		     segment.name.c_str(),
		     static_cast<unsigned long long>(segment.size -
						     state.next),
		     static_cast<unsigned long long>(segment.size));
}

/* Write the whole block, in place; nobody looks there yet. */
inline void write_block(unsigned char *at, const std::string &name,
			const Plan &plan)
{
	const std::string &text = plan.type.text();
	auto block = reinterpret_cast<Block *>(at);

	block->kind = plan.kind;
	block->generation = 1;
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

/* The one store that makes it visible. */
inline void commit(Segment &segment, const TableState &state,
		   const std::string &name, const Plan &plan)
{
	const std::uint64_t end = state.next + total_bytes(plan);
	Entry entry = {};

	entry.offset = std::uint32_t(state.next / line);
	entry.size = std::uint32_t(total_bytes(plan) / line);
	std::memcpy(entry.name, name.data(), name.size());
	entries(segment)[state.count] = entry;
	/* table: release; pairs with read_table(). */
	segment.header().table_state.store(end / line << 32 | (state.count + 1),
					   release);
}

/* Add name, as the plan says; false if it exists. */
inline bool add_to_table(Segment &segment, const std::string &name,
			 const Plan &plan)
{
	check_plan(segment, name, plan);

	CreateLock lock(segment);
	const TableState state = read_table(segment);
	Entry entry;

	if (look_up(entry, segment, state.count, name))
		return false;
	check_room(segment, state, name, plan);
	reserve(segment, state.next, total_bytes(plan));
	write_block(segment.base + state.next, name, plan);
	commit(segment, state, name, plan);
	return true;
}

inline Found create_structure(Segment &segment, const std::string &name,
			      const Plan &plan)
{
	if (!add_to_table(segment, name, plan))
		fail(EEXIST, "`%s` exists in segment `/%s`: open it",
		     name.c_str(), segment.name.c_str());
	return find_structure(segment, name, {plan.kind});
}

/* Find, or else add; found things must have the plan's capacity too. */
inline Found open_or_create_structure(Segment &segment, const std::string &name,
				      const Plan &plan)
{
	const Wanted wanted = {plan.kind, &plan.type};
	Found found;

	if (!find_in_table(found, segment, name, wanted)) {
		if (segment.read_only)
			return find_structure(segment, name, wanted);
		add_to_table(segment, name, plan);
		found = find_structure(segment, name, wanted);
	}
	if (found.capacity != plan.capacity)
		fail(EPROTOTYPE, "`%s` in segment `/%s` has a capacity of "
		     "%llu, not %llu", name.c_str(), segment.name.c_str(),
		     static_cast<unsigned long long>(found.capacity),
		     static_cast<unsigned long long>(plan.capacity));
	return found;
}

} // namespace zeroipc::detail

#endif
