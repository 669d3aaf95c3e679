/* SPDX-License-Identifier: MIT */
/*
 * Comparing types: two that lay out the same bytes under the same names are
 * the same, and otherwise the first difference is told as a person would ask
 * for it: which field, what it is here, and what it is there. A field that one
 * side has not comes before a field of the same record that differs.
 *
 * Each function returns "" for the same, else the difference.
 */
#ifndef ZEROIPC_DETAIL_TYPE_COMPARE_H
#define ZEROIPC_DETAIL_TYPE_COMPARE_H

#include <zeroipc/detail/type_parse.h>

namespace zeroipc::detail {

/* What is compared with what, and where both stand in their whole. */
struct TypePair {
	const TypeNode &here, &there;
	std::uint64_t here_at = 0, there_at = 0; /* in an array: its first */
	std::string path = {}; /* "pos[].x" */
	bool in_field = false;
};

/* Of a long text the beginning is enough to tell it by. */
inline std::string shortened(const std::string &text)
{
	return text.size() < 128 ? text : text.substr(0, 125) + "..";
}

inline std::string differ(const TypePair &pair, const std::string &what)
{
	if (pair.path.empty())
		return what;
	/* Of a long path too. */
	return (pair.in_field ? "field " : "element ") +
	       pair.path.substr(0, 255) + ": " + what;
}

inline std::string differ_in_type(const TypePair &pair)
{
	const std::string here = shortened(pair.here.text);
	const std::string there = shortened(pair.there.text);

	if (!pair.in_field)
		return differ(pair, here + " here, " + there + " there");
	return differ(pair, here + " at byte " + std::to_string(pair.here_at) +
				    " here, " + there + " at byte " +
				    std::to_string(pair.there_at) + " there");
}

inline std::string difference(const TypePair &pair);

inline const TypeNode *find_field(const TypeNode &record,
				  const std::string &name)
{
	for (const TypeNode &field : record.children)
		if (field.name == name)
			return &field;
	return nullptr;
}

inline TypePair pair_of_fields(const TypePair &pair, const TypeNode &here,
			       const TypeNode &there)
{
	return {here, there, pair.here_at + here.offset,
		pair.there_at + there.offset,
		pair.path + (pair.path.empty() ? "" : ".") + here.name, true};
}

inline std::string missing_field(const TypePair &pair, const TypeNode &names,
				 const TypeNode &record, const char *where)
{
	for (const TypeNode &field : names.children)
		if (!find_field(record, field.name))
			return differ(pair_of_fields(pair, field, field),
				      std::string("missing ") + where);
	return "";
}

inline std::string difference_of_fields(const TypePair &pair)
{
	std::string found = missing_field(pair, pair.here, pair.there, "there");

	if (found.empty())
		found = missing_field(pair, pair.there, pair.here, "here");
	for (const TypeNode &here : pair.here.children) {
		if (!found.empty())
			break;

		const TypeNode &there = *find_field(pair.there, here.name);
		const TypePair inner = pair_of_fields(pair, here, there);

		found = here.offset == there.offset ? difference(inner)
						    : differ_in_type(inner);
	}
	return found;
}

inline std::string difference_of_elements(const TypePair &pair)
{
	if (pair.here.count != pair.there.count)
		return differ(pair, std::to_string(pair.here.count) +
					    " elements here, " +
					    std::to_string(pair.there.count) +
					    " there");
	return difference({pair.here.children[0], pair.there.children[0],
			   pair.here_at, pair.there_at, pair.path + "[]",
			   pair.in_field});
}

inline std::string difference(const TypePair &pair)
{
	if (pair.here.kind != pair.there.kind)
		return differ_in_type(pair);
	if (pair.here.kind == TypeClass::record)
		return difference_of_fields(pair);
	if (pair.here.kind == TypeClass::array)
		return difference_of_elements(pair);
	/* Scalars and bytes have the same text if they are the same. */
	return pair.here.text == pair.there.text ? "" : differ_in_type(pair);
}

} // namespace zeroipc::detail

#endif
