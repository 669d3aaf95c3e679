/* SPDX-License-Identifier: MIT */
/*
 * What elements are. In a segment a type is text, as `f32`, `u8[16]` or
 * `{ts:u64, temp:f32}`; here it is made from the C++ type:
 *
 *   bool, integers, enums, float, double     bool i8 u8 .. i64 u64 f32 f64
 *   char, std::byte, and arrays of them      bytes:1, bytes:N
 *   T[N], std::array<T, N>                   T[N]
 *   a struct, once its fields are named      {ts:u64, temp:f32}
 *
 * Name all fields of a struct in their order, in the struct's own namespace:
 *
 *   struct Reading { std::uint64_t ts; float temp; };
 *   ZEROIPC_RECORD(Reading, ts, temp);
 *
 * A struct that is laid out in another way than the text says (packed, with a
 * field that was left out) does not compile.
 */
#ifndef ZEROIPC_TYPE_H
#define ZEROIPC_TYPE_H

#include <zeroipc/detail/each.h>
#include <zeroipc/detail/type_compare.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>

/* ZEROIPC_RECORD(struct, field, ..) */
#define ZEROIPC_RECORD(record, ...)                                          \
	static_assert(std::is_standard_layout_v<record> &&                   \
			      std::is_trivially_copyable_v<record>,          \
		      #record " can not be shared: it must have standard "   \
			      "layout and be trivially copyable");           \
	constexpr auto zeroipc_fields(const record *)                        \
	{                                                                    \
		return std::make_tuple(                                      \
			ZEROIPC_EACH(ZEROIPC_FIELD, record, __VA_ARGS__));   \
	}                                                                    \
	/* As many names as fields: else one that is left out may hide */    \
	/* where the others leave a gap. */                                  \
	constexpr void zeroipc_names_all_fields(const record &all)           \
	{                                                                    \
		[[maybe_unused]] const auto &[ZEROIPC_EACH(                  \
			ZEROIPC_NAME, record, __VA_ARGS__)] = all;           \
	}                                                                    \
	static_assert(::zeroipc::detail::is_laid_out_as_told<record>(),      \
		      "ZEROIPC_RECORD must name all fields of " #record      \
		      " in their order, and it must not be packed")
#define ZEROIPC_NAME(record, field) zeroipc_##field
#define ZEROIPC_FIELD(record, field)                                         \
	::zeroipc::detail::Field<decltype(record::field)>                    \
	{                                                                    \
		#field, offsetof(record, field)                              \
	}

namespace zeroipc {

/* A type at run time. */
class Type {
public:
	/* Parse a text; EINVAL names the column and what was expected. */
	explicit Type(std::string_view text)
		: node_(detail::TypeParser(text).parse())
	{
	}

	/* The one canonical spelling. */
	const std::string &text() const { return node_.text; }
	std::uint64_t size() const { return node_.size; }
	std::uint64_t align() const { return node_.align; }

	/*
	 * "" if both lay out the same bytes under the same names, else the
	 * first difference ("field temp: f32 at byte 8 here, f64 at byte 8
	 * there").
	 */
	std::string difference(const Type &there) const
	{
		return detail::difference({node_, there.node_});
	}

	friend bool operator==(const Type &a, const Type &b)
	{
		return a.text() == b.text();
	}

private:
	detail::TypeNode node_;
};

namespace detail {

template <typename T>
struct Field {
	using type = T;
	const char *name;
	std::size_t offset;
};

template <typename T>
concept Record = requires { zeroipc_fields(static_cast<const T *>(nullptr)); };

template <typename T>
inline constexpr bool is_raw_byte =
	std::same_as<T, char> || std::same_as<T, std::byte>;

/* What an array type is made of; nothing for other types. */
template <typename T>
struct ArrayOf {
	static constexpr std::size_t length = 0;
};
template <typename T, std::size_t N>
struct ArrayOf<T[N]> {
	using element = T;
	static constexpr std::size_t length = N;
};
template <typename T, std::size_t N>
struct ArrayOf<std::array<T, N>> {
	using element = T;
	static constexpr std::size_t length = N;
};

template <typename T>
concept Scalar =
	std::same_as<T, bool> || std::same_as<T, float> ||
	std::same_as<T, double> ||
	(std::integral<T> && !std::same_as<T, wchar_t> &&
	 !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
	 !std::same_as<T, char32_t> && sizeof(T) <= 8);

/* Whether a text can be made for T. */
template <typename T>
constexpr bool is_described()
{
	if constexpr (ArrayOf<T>::length > 0)
		return is_described<typename ArrayOf<T>::element>();
	else if constexpr (std::is_enum_v<T>)
		return true;
	else
		return Scalar<T> || Record<T>;
}

template <typename T>
concept Described = is_described<std::remove_cv_t<T>>();

/* Fold visit(field) over the fields of T. */
template <typename T, typename Visit>
constexpr void each_field(Visit visit)
{
	std::apply([&](auto... field) { (visit(field), ...); },
		   zeroipc_fields(static_cast<const T *>(nullptr)));
}

/*
 * Whether the fields stand where the format puts them: each at the next
 * multiple of its alignment, the whole rounded up to that of the largest.
 */
template <typename T>
constexpr bool is_laid_out_as_told()
{
	std::size_t end = 0, align = 1;
	bool well = true;

	each_field<T>([&](auto field) {
		using F = typename decltype(field)::type;

		static_assert(Described<F>, "ZeroIPC does not know the type of "
			      "a field: describe it by ZEROIPC_RECORD");
		well = well && field.offset == round_up(end, alignof(F));
		end = field.offset + sizeof(F);
		align = align < alignof(F) ? alignof(F) : align;
	});
	return well && sizeof(T) == round_up(end, align) && alignof(T) == align;
}

/* Put the text of T before, and its lengths behind: "f32" and "[3][2]". */
template <typename T>
void write_type(std::string &text, std::string &lengths);

template <typename T>
void write_record(std::string &text)
{
	const char *separator = "{";

	each_field<T>([&](auto field) {
		std::string lengths;

		text += separator;
		text += field.name;
		text += ":";
		write_type<typename decltype(field)::type>(text, lengths);
		text += lengths;
		separator = ", ";
	});
	text += "}";
}

template <typename T>
void write_scalar(std::string &text)
{
	if constexpr (std::same_as<T, bool>)
		text += "bool";
	else if constexpr (is_raw_byte<T>)
		text += "bytes:1";
	else
		text += (std::floating_point<T> ? "f"
			 : std::is_signed_v<T>  ? "i"
						: "u") +
			std::to_string(8 * sizeof(T));
}

template <typename T>
void write_type(std::string &text, std::string &lengths)
{
	using Array = ArrayOf<T>;

	if constexpr (Array::length > 0) {
		using Element = std::remove_cv_t<typename Array::element>;

		if constexpr (is_raw_byte<Element>) {
			text += "bytes:" + std::to_string(Array::length);
		} else {
			lengths += "[" + std::to_string(Array::length) + "]";
			write_type<Element>(text, lengths);
		}
	} else if constexpr (is_raw_byte<T>) {
		text += "bytes:1";
	} else if constexpr (std::is_enum_v<T>) {
		write_scalar<std::underlying_type_t<T>>(text);
	} else if constexpr (Record<T>) {
		write_record<T>(text);
	} else {
		write_scalar<T>(text);
	}
}

/* Whether there is a bool in T: a segment may hold bytes that are none. */
template <typename T>
constexpr bool has_bool()
{
	if constexpr (ArrayOf<T>::length > 0) {
		return has_bool<typename ArrayOf<T>::element>();
	} else if constexpr (Record<T>) {
		bool found = false;

		each_field<T>([&](auto field) {
			found |= has_bool<typename decltype(field)::type>();
		});
		return found;
	} else {
		return std::same_as<T, bool>;
	}
}

/* Make every bool among the bytes of a T 0 or 1. */
template <typename T>
void mend_bools(unsigned char *bytes)
{
	if constexpr (!has_bool<T>()) {
		return;
	} else if constexpr (ArrayOf<T>::length > 0) {
		using Element = typename ArrayOf<T>::element;

		for (std::size_t i = 0; i < ArrayOf<T>::length; i++)
			mend_bools<Element>(bytes + i * sizeof(Element));
	} else if constexpr (Record<T>) {
		each_field<T>([&](auto field) {
			mend_bools<typename decltype(field)::type>(
				bytes + field.offset);
		});
	} else {
		*bytes = *bytes != 0;
	}
}

} // namespace detail

/* The text of T's type, as it stands in a segment. */
template <typename T>
std::string type_text()
{
	static_assert(detail::Described<T>, "ZeroIPC does not know the fields "
		      "of this type: name them by ZEROIPC_RECORD(type, ..)");
	std::string text, lengths;

	detail::write_type<std::remove_cv_t<T>>(text, lengths);
	return text + lengths;
}

template <typename T>
Type type_of()
{
	return Type(type_text<T>());
}

/*
 * Passed on open: take the elements as they are told here, whatever type they
 * were created with, as long as their sizes are equal.
 */
struct Reinterpret {};
inline constexpr Reinterpret reinterpret;

} // namespace zeroipc

#endif
