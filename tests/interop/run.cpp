/* SPDX-License-Identifier: MIT */
/*
 * RUNNER SEGMENT TRACE FROM TO: runs lines of a trace of operations on a
 * segment, by the C++ implementation. README.md tells the grammar. The first
 * line whose result is not the expected one ends it with status 1.
 */
#include <zeroipc/array.h>
#include <zeroipc/memory.h>
#include <zeroipc/queue.h>

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <vector>

using zeroipc::Array;
using zeroipc::Error;
using zeroipc::Memory;
using zeroipc::Queue;
using zeroipc::Type;
using std::string;
using Words = std::vector<string>;

/* A trace that can not be understood. */
struct Broken {
	string what;
};

/* Decimal, or hexadecimal behind 0x. */
static unsigned long long number(const string &text)
{
	const int base = text.starts_with("0x") ? 16 : 10;
	const string digits = text.substr(base == 16 ? 2 : 0);
	bool well = !digits.empty();

	for (unsigned char c : digits)
		well &= (base == 16 ? std::isxdigit(c) : std::isdigit(c)) != 0;
	errno = 0;

	const auto n = std::strtoull(digits.c_str(), nullptr, base);

	if (!well || errno)
		throw Broken{"`" + text + "` is no number"};
	return n;
}

/* What stands behind key=. */
static unsigned option(const string &word, const string &key)
{
	if (!word.starts_with(key + "="))
		throw Broken{"no option `" + word + "`"};
	return unsigned(number(word.substr(key.size() + 1)));
}

/* words of bytes */

static string hex(std::string_view bytes)
{
	static const char digits[] = "0123456789abcdef";
	string text;

	for (unsigned char byte : bytes) {
		text += digits[byte >> 4];
		text += digits[byte & 15];
	}
	return text;
}

static string bytes_of_hex(const string &text)
{
	string bytes;

	for (unsigned char c : text)
		if (!std::isxdigit(c) || text.size() % 2)
			throw Broken{"`" + text + "` is not hexadecimal"};
	for (std::size_t i = 0; i < text.size(); i += 2)
		bytes += char(number("0x" + text.substr(i, 2)));
	return bytes;
}

/* An element: bytes in hexadecimal, and *N repeats them. */
static string value(const string &text, std::size_t size)
{
	const std::size_t star = text.find('*');
	const string once = bytes_of_hex(text.substr(0, star));
	const auto times =
		star == text.npos ? 1 : number(text.substr(star + 1));
	string bytes;

	if (once.empty() || size / once.size() != times || size % once.size())
		throw Broken{"`" + text + "` is not " + std::to_string(size) +
			     " bytes"};
	while (bytes.size() < size)
		bytes += once;
	return bytes;
}

static string value_text(std::string_view bytes)
{
	const std::size_t size = bytes.size();

	if (size > 32 && size % 8 == 0 &&
	    bytes.substr(8) == bytes.substr(0, size - 8))
		return hex(bytes.substr(0, 8)) + "*" + std::to_string(size / 8);
	return hex(bytes);
}

template <typename T>
static string value_text_of(const T &value)
{
	return value_text({reinterpret_cast<const char *>(&value),
			   sizeof(value)});
}

/* What a word names: without @N, and \xHH is a byte. */
static string named(const string &word)
{
	const string text = word.substr(0, word.rfind('@'));
	string name;

	for (std::size_t i = text.starts_with("\"\"") ? 2 : 0;
	     i < text.size(); i++) {
		if (text[i] != '\\') {
			name += text[i];
			continue;
		}
		if (text.substr(i, 2) != "\\x" || i + 4 > text.size() ||
		    text.substr(i, 4) == "\\x00")
			throw Broken{"`" + word + "` is no name"};
		name += bytes_of_hex(text.substr(i + 2, 2));
		i += 3;
	}
	return name;
}

static string name_word(const string &name)
{
	string word;

	for (unsigned char c : name)
		word += c <= ' ' || c > '~' || c == '\\' || c == '@'
			? "\\x" + hex({reinterpret_cast<char *>(&c), 1})
			: string(1, char(c));
	return word;
}

static string code_of(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : std::to_string(error);
}

class Runner {
public:
	explicit Runner(string segment) : name_(std::move(segment)) {}

	/* The result; of an error also its message. */
	string run(const string &operation, Words words, string &message);

private:
	Memory &memory();
	Array<void> &array(const string &word);
	Queue<void> &queue(const string &word);
	Array<void> &keep(const string &word, Array<void> array);
	Queue<void> &keep(const string &word, Queue<void> queue);
	void close_all();
	void take_timeout(Words &words);
	string waited() const;

	string segment(Words w);
	string attach(Words w);
	string unlink(Words w);
	string create(Words w);
	string open(Words w);
	template <typename Ask>
	string about(const string &word, Ask ask);
	string type(Words w);
	string capacity(Words w);
	string elem_size(Words w);
	string get(Words w);
	string set(Words w);
	string add(Words w);
	string cas(Words w);
	template <typename T>
	string add_number(const Words &w);
	template <typename T>
	string cas_number(const Words &w);
	string push(Words w);
	string pop(Words w);
	string push_n(Words w);
	string pop_n(Words w);
	string size(Words w);
	string close(Words w);
	string remove(Words w);
	string list(Words w);

	struct Operation {
		string (Runner::*run)(Words);
		std::size_t fewest, most; /* words behind its name */
	};
	static const std::map<string, Operation> operations;

	string name_;
	std::unique_ptr<Memory> memory_;
	/* Open structures, under the words that name them. */
	std::map<string, Array<void>> arrays_;
	std::map<string, Queue<void>> queues_;
	std::chrono::milliseconds timeout_;
};

/* handles: opened when a line first needs them */

Memory &Runner::memory()
{
	if (!memory_)
		memory_ = std::make_unique<Memory>(name_);
	return *memory_;
}

void Runner::close_all()
{
	arrays_.clear();
	queues_.clear();
	memory_.reset();
}

Array<void> &Runner::keep(const string &word, Array<void> array)
{
	queues_.erase(word);
	return arrays_.insert_or_assign(word, std::move(array)).first->second;
}

Queue<void> &Runner::keep(const string &word, Queue<void> queue)
{
	arrays_.erase(word);
	return queues_.insert_or_assign(word, std::move(queue)).first->second;
}

Array<void> &Runner::array(const string &word)
{
	const auto it = arrays_.find(word);

	return it != arrays_.end()
		       ? it->second
		       : keep(word, Array<void>(memory(), named(word)));
}

Queue<void> &Runner::queue(const string &word)
{
	const auto it = queues_.find(word);

	return it != queues_.end()
		       ? it->second
		       : keep(word, Queue<void>(memory(), named(word)));
}

/* operations */

string Runner::segment(Words w)
{
	zeroipc::Options options;

	for (std::size_t i = 1; i < w.size(); i++)
		if (w[i] == "symmetric")
			options.symmetric = true;
		else if (w[i] == "sparse")
			options.sparse = true;
		else if (w[i].starts_with("entries="))
			options.max_entries = option(w[i], "entries");
		else
			options.max_participants =
				option(w[i], "participants");
	close_all();
	memory_ = std::make_unique<Memory>(
		Memory::create(name_, number(w[0]), options));
	return "ok";
}

string Runner::attach(Words w)
{
	if (!w.empty() && w[0] != "read_only")
		throw Broken{"no option `" + w[0] + "`"};
	close_all();
	if (w.empty())
		memory_ = std::make_unique<Memory>(name_);
	else
		memory_ = std::make_unique<Memory>(name_, zeroipc::read_only);
	return "ok";
}

string Runner::unlink(Words)
{
	close_all();
	Memory::unlink(name_);
	return "ok";
}

string Runner::create(Words w)
{
	const string name = named(w[1]);
	const auto capacity = number(w[3]);
	zeroipc::QueueOptions options;

	if (w.size() > 4)
		options.max_writers = option(w[4], "writers");
	memory();
	if (w[0] == "array")
		keep(w[1], Array<void>::create(memory(), name, Type(w[2]),
					       capacity));
	else if (w[0] == "queue")
		keep(w[1], Queue<void>::create(memory(), name, Type(w[2]),
					       capacity, options));
	else
		throw Broken{"no kind `" + w[0] + "`"};
	return "ok";
}

string Runner::open(Words w)
{
	const string name = named(w[1]);
	std::optional<Type> type;

	memory();
	if (w[2] != "-")
		type = Type(w[2]);
	if (w[0] == "array")
		keep(w[1], type ? Array<void>(memory(), name, *type)
				: Array<void>(memory(), name));
	else if (w[0] == "queue")
		keep(w[1], type ? Queue<void>(memory(), name, *type)
				: Queue<void>(memory(), name));
	else
		throw Broken{"no kind `" + w[0] + "`"};
	return "ok";
}

/* Ask a structure of either kind. */
template <typename Ask>
string Runner::about(const string &word, Ask ask)
{
	const auto it = queues_.find(word);

	if (it != queues_.end())
		return ask(it->second);
	try {
		return ask(array(word));
	} catch (const Error &error) {
		if (error.number() != EPROTOTYPE)
			throw;
	}
	return ask(queue(word));
}

string Runner::type(Words w)
{
	return about(w[0], [](const auto &it) { return it.type(); });
}

string Runner::capacity(Words w)
{
	return about(w[0], [](const auto &it) {
		return std::to_string(it.capacity());
	});
}

string Runner::elem_size(Words w)
{
	return about(w[0], [](const auto &it) {
		return std::to_string(it.elem_size());
	});
}

string Runner::get(Words w)
{
	Array<void> &it = array(w[0]);
	string elem(it.elem_size(), '\0');

	it.get(number(w[1]), elem.data());
	return value_text(elem);
}

string Runner::set(Words w)
{
	Array<void> &it = array(w[0]);

	it.set(number(w[1]), value(w[2], it.elem_size()).data());
	return "ok";
}

template <typename T>
string Runner::add_number(const Words &w)
{
	Array<T> it(memory(), named(w[0]));
	T addend;

	std::memcpy(&addend, value(w[2], sizeof(T)).data(), sizeof(T));
	return value_text_of(it.add(number(w[1]), addend));
}

template <typename T>
string Runner::cas_number(const Words &w)
{
	Array<T> it(memory(), named(w[0]));
	T expected, desired;

	std::memcpy(&expected, value(w[2], sizeof(T)).data(), sizeof(T));
	std::memcpy(&desired, value(w[3], sizeof(T)).data(), sizeof(T));
	if (it.cas(number(w[1]), expected, desired))
		return "ok";
	return "EAGAIN " + value_text_of(expected);
}

/* A member for each type of number; what does not compile is refused. */
#define OF_NUMBERS(call)                                                     \
	{                                                                    \
		{"i32", &Runner::call<std::int32_t>},                        \
		{"u32", &Runner::call<std::uint32_t>},                       \
		{"i64", &Runner::call<std::int64_t>},                        \
		{"u64", &Runner::call<std::uint64_t>},                       \
		{"f32", &Runner::call<float>},                               \
		{"f64", &Runner::call<double>},                              \
	}
using OfNumbers = std::map<string, string (Runner::*)(const Words &)>;

string Runner::add(Words w)
{
	static const OfNumbers of = OF_NUMBERS(add_number);
	const auto it = of.find(array(w[0]).type());

	return it == of.end() ? "EPROTOTYPE" : (this->*it->second)(w);
}

string Runner::cas(Words w)
{
	static const OfNumbers of = OF_NUMBERS(cas_number);
	const auto it = of.find(array(w[0]).type());

	return it == of.end() ? "EPROTOTYPE" : (this->*it->second)(w);
}

/* What a push or pop that was not done has met. */
string Runner::waited() const
{
	return timeout_.count() ? "ETIMEDOUT" : "EAGAIN";
}

string Runner::push(Words w)
{
	Queue<void> &it = queue(w[0]);
	const string elem = value(w[1], it.elem_size());
	const bool done = timeout_.count() ? it.push_for(elem.data(), timeout_)
					  : it.try_push(elem.data());

	return done ? "ok" : waited();
}

string Runner::pop(Words w)
{
	Queue<void> &it = queue(w[0]);
	string elem(it.elem_size(), '\0');
	const bool done = timeout_.count() ? it.pop_for(elem.data(), timeout_)
					  : it.try_pop(elem.data());

	return done ? value_text(elem) : waited();
}

string Runner::push_n(Words w)
{
	Queue<void> &it = queue(w[0]);
	const std::size_t n = w.size() - 1;
	string elems;

	for (std::size_t i = 1; i <= n; i++)
		elems += value(w[i], it.elem_size());

	const std::size_t done =
		timeout_.count() ? it.push_n_for(elems.data(), n, timeout_)
				: it.try_push_n(elems.data(), n);

	return done || !n ? std::to_string(done) : waited();
}

string Runner::pop_n(Words w)
{
	Queue<void> &it = queue(w[0]);
	const std::size_t n = number(w[1]), size = it.elem_size();
	string elems(n * size, '\0'), text;
	const std::size_t done =
		timeout_.count() ? it.pop_n_for(elems.data(), n, timeout_)
				: it.try_pop_n(elems.data(), n);

	for (std::size_t i = 0; i < done; i++)
		text += (i ? " " : "") + value_text(elems.substr(i * size,
								 size));
	return done ? text : n ? waited() : "0";
}

string Runner::size(Words w)
{
	return std::to_string(queue(w[0]).size());
}

string Runner::close(Words w)
{
	arrays_.erase(w[0]);
	queues_.erase(w[0]);
	return "ok";
}

string Runner::remove(Words w)
{
	memory().remove(named(w[0]));
	return "ok";
}

string Runner::list(Words)
{
	string text;

	for (const string &name :
	     Memory(name_, zeroipc::read_only).names())
		text += (text.empty() ? "" : " ") + name_word(name);
	return text.empty() ? "-" : text;
}

const std::map<string, Runner::Operation> Runner::operations = {
	{"segment", {&Runner::segment, 1, 5}},
	{"attach", {&Runner::attach, 0, 1}},
	{"unlink", {&Runner::unlink, 0, 0}},
	{"create", {&Runner::create, 4, 5}},
	{"open", {&Runner::open, 3, 3}},
	{"type", {&Runner::type, 1, 1}},
	{"capacity", {&Runner::capacity, 1, 1}},
	{"elem_size", {&Runner::elem_size, 1, 1}},
	{"get", {&Runner::get, 2, 2}},
	{"set", {&Runner::set, 3, 3}},
	{"add", {&Runner::add, 3, 3}},
	{"cas", {&Runner::cas, 4, 4}},
	{"push", {&Runner::push, 2, 2}},
	{"pop", {&Runner::pop, 1, 1}},
	{"push_n", {&Runner::push_n, 1, 511}},
	{"pop_n", {&Runner::pop_n, 2, 2}},
	{"size", {&Runner::size, 1, 1}},
	{"close", {&Runner::close, 1, 1}},
	{"remove", {&Runner::remove, 1, 1}},
	{"list", {&Runner::list, 0, 0}},
};

/* The last word, if it is "ms=N", taken off. */
void Runner::take_timeout(Words &words)
{
	timeout_ = timeout_.zero();
	if (!words.empty() && words.back().starts_with("ms=")) {
		timeout_ = std::chrono::milliseconds(option(words.back(),
							    "ms"));
		words.pop_back();
	}
}

string Runner::run(const string &operation, Words words, string &message)
{
	const auto it = operations.find(operation);

	take_timeout(words);
	if (it == operations.end())
		throw Broken{"no operation `" + operation + "`"};
	if (words.size() < it->second.fewest)
		throw Broken{"`" + operation + "` needs more words"};
	if (words.size() > it->second.most)
		throw Broken{"`" + operation + "` has too many words"};
	try {
		return (this->*it->second.run)(words);
	} catch (const Error &error) {
		message = error.what();
		return code_of(error.number());
	}
}

/* traces */

/* The words of a line; a type's blanks do not part it. */
static Words split(const string &line)
{
	Words words;
	bool inside = false;
	int depth = 0;

	for (char c : line) {
		if (depth == 0 && std::strchr(" \t\r\n", c)) {
			inside = false;
			continue;
		}
		if (!inside)
			words.emplace_back();
		inside = true;
		words.back() += c;
		depth += (c == '{') - (c == '}');
	}
	return words;
}

/* The text without the white space around it. */
static string trimmed(const string &text)
{
	const std::size_t begin = text.find_first_not_of(" \t\r\n");

	if (begin == text.npos)
		return "";
	return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

/* Run one line; false when its result is another than the expected one. */
static bool run_line(Runner &runner, unsigned long long n, const string &line)
{
	const std::size_t arrow = line.find("=>");
	Words words = split(line.substr(0, arrow));
	string message;

	if (trimmed(line).empty() || trimmed(line)[0] == '#')
		return true;
	if (arrow == line.npos)
		throw Broken{"no `=>`"};
	if (words.empty())
		throw Broken{"no operation"};

	const string operation = words[0];
	const string expected = trimmed(line.substr(arrow + 2));

	words.erase(words.begin());

	const string got = runner.run(operation, words, message);

	std::cout << n << ": " << got << std::endl;
	if (got == expected)
		return true;
	std::cerr << "line " << n << ": expected " << expected << ", got "
		  << got << (message.empty() ? "" : ": ") << message << "\n";
	return false;
}

static bool run_lines(Runner &runner, const string &trace,
		      unsigned long long from, unsigned long long to)
{
	std::ifstream file(trace);
	string line;

	if (!file)
		throw Broken{trace + ": cannot be read"};
	for (unsigned long long n = 1; n <= to && std::getline(file, line); n++)
		try {
			if (n >= from && !run_line(runner, n, line))
				return false;
		} catch (const Broken &broken) {
			throw Broken{trace + ": line " + std::to_string(n) +
				     ": " + broken.what};
		}
	return true;
}

/*
 * Lines "SEGMENT TRACE FROM TO" of standard input; "done" answers each. On
 * another segment than before it begins anew.
 */
static bool serve()
{
	auto runner = std::make_unique<Runner>("");
	string segment, next, trace;
	unsigned long long from, to;

	while (std::cin >> next >> trace >> from >> to) {
		if (next != segment)
			runner = std::make_unique<Runner>(next);
		segment = next;
		if (to && !run_lines(*runner, trace, from, to))
			return false;
		std::cout << "done" << std::endl;
	}
	return true;
}

static bool run_once(char **argv)
{
	Runner runner(argv[1]);

	return run_lines(runner, argv[2], number(argv[3]), number(argv[4]));
}

int main(int argc, char **argv)
{
	const bool serves = argc == 2 && !std::strcmp(argv[1], "-");

	if (argc != 5 && !serves) {
		std::cerr << "usage: " << argv[0]
			  << " SEGMENT TRACE FROM TO\n";
		return 2;
	}
	try {
		return serves ? !serve() : !run_once(argv);
	} catch (const Broken &broken) {
		std::cerr << broken.what << "\n";
		return 2;
	}
}
