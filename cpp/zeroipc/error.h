/* SPDX-License-Identifier: MIT */
/*
 * Errors: what a call could not do is thrown as a zeroipc::Error, which is a
 * std::system_error: code() is an errno value for programs, what() a line for
 * people that says which name, which type, and what to do. A full or empty
 * queue and a deadline are no errors: calls that may meet them say so by what
 * they return.
 */
#ifndef ZEROIPC_ERROR_H
#define ZEROIPC_ERROR_H

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>

namespace zeroipc {

class Error : public std::system_error {
public:
	Error(int error, const char *message)
		: std::system_error(error, std::generic_category()),
		  message_(std::make_shared<const std::string>(message))
	{
	}

	const char *what() const noexcept override
	{
		return message_->c_str();
	}

	/* The errno value, as EPROTOTYPE. */
	int number() const noexcept
	{
		return code().value();
	}

private:
	std::shared_ptr<const std::string> message_; /* copies do not throw */
};

namespace detail {

/* A message names what is wrong and what to do, without a full stop. */
[[noreturn, gnu::cold, gnu::noinline, gnu::format(printf, 2, 3)]]
inline void fail(int error, const char *format, ...)
{
	char message[1024];
	va_list args;

	va_start(args, format);
	std::vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	throw Error(error, message);
}

} // namespace detail
} // namespace zeroipc

#endif
