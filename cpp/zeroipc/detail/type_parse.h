/* SPDX-License-Identifier: MIT */
/*
 * A type as a tree, and the grammar that makes it from text: a parser of
 * recursive descent, which lays each type out as C does on its way.
 *
 * The text may come from a damaged segment, so nothing in it is trusted: what
 * is no ASCII is refused before parsing begins, recursion ends at most_levels,
 * and as no size passes most_size, no sum of them overflows.
 */
#ifndef ZEROIPC_DETAIL_TYPE_PARSE_H
#define ZEROIPC_DETAIL_TYPE_PARSE_H

#include <zeroipc/detail/format.h>
#include <zeroipc/error.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace zeroipc::detail {

enum class TypeClass { boolean, integer, natural, real, bytes, array, record };

struct TypeNode {
	TypeClass kind = TypeClass::bytes;
	std::uint64_t size = 0, align = 1; /* bytes */
	std::uint64_t count = 0; /* an array's elements */
	unsigned levels = 1; /* itself and what is inside */
	std::string text; /* canonical */
	std::vector<TypeNode> children; /* an array's element; the fields */
	/* where it is a record's field */
	std::string name;
	std::uint64_t offset = 0;
};

class TypeParser {
public:
	explicit TypeParser(std::string_view text) : text_(text) {}

	TypeNode parse();

private:
	static constexpr unsigned most_levels = 16;
	static constexpr unsigned most_types = 256;
	static constexpr std::uint64_t most_size = std::uint64_t(1) << 30;
	static constexpr std::size_t most_name = 63;

	[[noreturn]] void refuse(std::size_t at, const std::string &what) const;
	[[noreturn]] void expected(const std::string &what);
	void check_characters() const;

	bool at_end() const { return at_ == text_.size(); }
	char here() const { return at_end() ? '\0' : text_[at_]; }
	void skip_blanks();
	bool take(char mark);
	std::string_view take_word();
	std::uint64_t take_length(const char *of);

	TypeNode add(std::size_t start, TypeNode node);
	TypeNode parse_type(unsigned enclosing);
	TypeNode parse_named();
	TypeNode parse_bytes(std::size_t start);
	TypeNode parse_record(std::size_t start, unsigned enclosing);
	void parse_field(TypeNode &record, unsigned enclosing);
	TypeNode parse_lengths(std::size_t start, TypeNode element);

	std::string_view text_;
	std::size_t at_ = 0;
	unsigned count_ = 0; /* of types so far */
};

/* messages */

/* Columns count bytes from 1; at counts them from 0. */
inline void TypeParser::refuse(std::size_t at, const std::string &what) const
{
	fail(EINVAL, "type: column %zu: %s", at + 1, what.c_str());
}

inline void TypeParser::expected(const std::string &what)
{
	char found[16] = "the end";

	skip_blanks();
	if (!at_end() && here() >= ' ' && here() <= '~')
		std::snprintf(found, sizeof(found), "'%c'", here());
	else if (!at_end())
		std::snprintf(found, sizeof(found), "byte 0x%02x",
			      static_cast<unsigned char>(here()));
	refuse(at_, "expected " + what + ", found " + found);
}

inline void TypeParser::check_characters() const
{
	char byte[8];

	if (text_.size() > type_most)
		refuse(type_most, "the text is longer than " +
					  std::to_string(type_most));
	for (std::size_t i = 0; i < text_.size(); i++) {
		if (!text_[i])
			refuse(i, "a NUL inside the text");
		if (static_cast<unsigned char>(text_[i]) <= '~')
			continue;
		std::snprintf(byte, sizeof(byte), "0x%02x",
			      static_cast<unsigned char>(text_[i]));
		refuse(i, std::string("byte ") + byte +
				  " is not printable ASCII");
	}
}

/* words and marks */

/* Not std::isalpha() and the like, which ask the locale. */
inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

inline bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

inline void TypeParser::skip_blanks()
{
	while (!at_end() && (here() == ' ' || here() == '\t' ||
			     here() == '\n' || here() == '\r'))
		at_++;
}

inline bool TypeParser::take(char mark)
{
	skip_blanks();
	if (at_end() || here() != mark)
		return false;
	at_++;
	return true;
}

/* Empty where there is none. */
inline std::string_view TypeParser::take_word()
{
	skip_blanks();

	const std::size_t start = at_;

	if (is_letter(here()))
		while (is_letter(here()) || is_digit(here()))
			at_++;
	return text_.substr(start, at_ - start);
}

/* From 1 to most_size, which keeps every product of two in 64 bits. */
inline std::uint64_t TypeParser::take_length(const char *of)
{
	std::uint64_t value = 0;

	skip_blanks();

	const std::size_t start = at_;

	if (!is_digit(here()))
		expected(std::string("the length of ") + of);
	if (here() == '0')
		refuse(at_, "a length begins with a digit from 1 to 9");
	for (; is_digit(here()); at_++) {
		value = value * 10 + std::uint64_t(here() - '0');
		if (value > most_size)
			refuse(start, "a length is at most " +
					      std::to_string(most_size));
	}
	return value;
}

/* the grammar */

inline TypeNode TypeParser::add(std::size_t start, TypeNode node)
{
	if (node.levels > most_levels)
		refuse(start, "more than 16 levels of arrays and records");
	if (node.size > most_size)
		refuse(start, "the type takes more than 1 GiB");
	if (count_ == most_types)
		refuse(start, "more than 256 types, inner ones counted");
	count_++;
	return node;
}

inline TypeNode TypeParser::parse_bytes(std::size_t start)
{
	TypeNode node;

	if (!take(':'))
		expected("':' and a length after `bytes`");
	node.size = take_length("`bytes`");
	node.text = "bytes:" + std::to_string(node.size);
	return add(start, node);
}

inline TypeNode TypeParser::parse_named()
{
	static constexpr struct {
		const char *name;
		TypeClass kind;
		unsigned size;
	} scalars[] = {
		{"bool", TypeClass::boolean, 1}, {"i8", TypeClass::integer, 1},
		{"u8", TypeClass::natural, 1},   {"i16", TypeClass::integer, 2},
		{"u16", TypeClass::natural, 2},  {"i32", TypeClass::integer, 4},
		{"u32", TypeClass::natural, 4},  {"i64", TypeClass::integer, 8},
		{"u64", TypeClass::natural, 8},  {"f32", TypeClass::real, 4},
		{"f64", TypeClass::real, 8},
	};
	const std::string_view word = take_word();
	const std::size_t start = at_ - word.size();
	TypeNode node;

	if (word.empty())
		expected("a type");
	if (word == "bytes")
		return parse_bytes(start);
	for (const auto &scalar : scalars) {
		if (word != scalar.name)
			continue;
		node.kind = scalar.kind;
		node.size = node.align = scalar.size;
		node.text = word;
		return add(start, node);
	}
	refuse(start, "unknown type `" + std::string(word.substr(0, 80)) +
		      "`; there are bool, i8 to i64, u8 to u64, f32, f64, "
		      "bytes:N, T[N], {name:T, ..}");
}

/* As in C the first length is the outermost: x[3][2] is three times [2]. */
inline TypeNode TypeParser::parse_lengths(std::size_t start, TypeNode element)
{
	std::vector<std::uint64_t> lengths;
	std::string dims;

	while (take('[')) {
		if (lengths.size() == most_levels)
			refuse(start,
			       "more than 16 levels of arrays and records");
		lengths.push_back(take_length("an array"));
		if (!take(']'))
			expected("']' after an array's length");
	}

	const std::string innermost = element.text;

	for (; !lengths.empty(); lengths.pop_back()) {
		TypeNode array;

		dims = "[" + std::to_string(lengths.back()) + "]" + dims;
		array.kind = TypeClass::array;
		array.count = lengths.back();
		array.size = array.count * element.size;
		array.align = element.align;
		array.levels = element.levels + 1;
		array.text = innermost + dims;
		array.children.push_back(std::move(element));
		element = add(start, std::move(array));
	}
	return element;
}

inline void TypeParser::parse_field(TypeNode &record, unsigned enclosing)
{
	const std::string name(take_word());
	const std::size_t start = at_ - name.size();

	if (name.empty())
		expected("a field name");
	if (name.size() > most_name)
		refuse(start, "a field name has at most 63 characters");
	for (const TypeNode &other : record.children)
		if (other.name == name)
			refuse(start, "the record has two fields `" + name +
					      "`");
	if (!take(':'))
		expected("':' after field name `" + name + "`");

	TypeNode field = parse_type(enclosing);

	/* Behind the fields so far, where a C compiler would put it. */
	field.name = name;
	field.offset = round_up(record.size, field.align);
	record.size = field.offset + field.size;
	if (record.size > most_size)
		refuse(start, "the type takes more than 1 GiB");
	record.align = std::max(record.align, field.align);
	record.levels = std::max(record.levels, field.levels + 1);
	record.text += (record.children.empty() ? "" : ", ") + name + ":" +
		       field.text;
	record.children.push_back(std::move(field));
}

inline TypeNode TypeParser::parse_record(std::size_t start, unsigned enclosing)
{
	TypeNode record;

	record.kind = TypeClass::record;
	record.text = "{";
	do
		parse_field(record, enclosing + 1);
	while (take(','));
	if (!take('}'))
		expected("',' or '}' in a record");
	record.text += "}";
	record.size = round_up(record.size, record.align);
	return add(start, std::move(record));
}

/* enclosing: the records around it, which bounds the recursion. */
inline TypeNode TypeParser::parse_type(unsigned enclosing)
{
	skip_blanks();

	const std::size_t start = at_;

	if (enclosing == most_levels)
		refuse(start, "more than 16 levels of arrays and records");
	if (take('{'))
		return parse_lengths(start, parse_record(start, enclosing));
	return parse_lengths(start, parse_named());
}

inline TypeNode TypeParser::parse()
{
	check_characters();

	TypeNode whole = parse_type(0);

	skip_blanks();
	if (!at_end())
		expected("'[' or the end");
	if (whole.text.size() > type_most)
		refuse(text_.size(), "the canonical spelling, which has a "
		       "blank after each comma, is longer than " +
		       std::to_string(type_most));
	return whole;
}

} // namespace zeroipc::detail

#endif
