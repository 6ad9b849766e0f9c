#ifndef MIRROR_BASE_HUMAN_TEXT_H_
#define MIRROR_BASE_HUMAN_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace mirror {

/// A number as people read it: 1,234,567.
std::string Grouped(std::uint64_t number);

/// A count with its noun: "1 table", "0 tables", "1,234 tables".
std::string Counted(std::uint64_t count, std::string_view noun);

/// Bytes as people say them, in one unit of 1024: "0B", "512B", "1.5MiB"; no space, so that it stays one
/// column.
std::string SizeText(std::uint64_t bytes);

/// A span as people say it, in one unit and rounded down: "45 s", "12 min", "3 h", "5 d". A unit begins at
/// two of it, so that "1 h" never hides half an hour. Less than nothing is "0 s".
std::string SpanText(std::int64_t milliseconds);

/// A word as a shell takes it: quoted when it has any character that a shell might read otherwise. Control
/// characters, which a terminal would obey, are numbers as bash and zsh read them: $'\033'.
std::string ShellWord(const std::string& word);

/// A command of ShellWord()s between single quotes, as a sentence has it: its own quotes, which would seem to
/// end it, become backslashes.
std::string QuotedCommand(const std::string& command);

/// "2024-05-01T12:00:00Z" (RFC 3339, UTC) for unix seconds from 0 to the end of year 9999; the plain number
/// for others.
std::string FormatUnixTime(std::int64_t seconds);

}  // namespace mirror

#endif  // MIRROR_BASE_HUMAN_TEXT_H_
