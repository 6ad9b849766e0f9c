#include "server/source/source_words.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "base/cut_message.h"

namespace mirror {
namespace {

constexpr std::string_view kPath = "(path)";
/// Text of a database, or its address, comes in quotes after `begin`, up to the closing quote. SqliteWords()
/// and base/db/postgres write it so; tests keep these in step.
struct OthersWords {
  std::string_view begin, told;
};
constexpr OthersWords kOthersWords[] = {
    {"SQLite says \"", "the mirror's database refused it"},
    {"PostgreSQL says \"", "the mirror's database refused it"},
    {"libpq says \"", "it cannot be reached"},
    {"PostgreSQL at \"", "the mirror's database"},
};
/// Advice for this endpoint's operator, from `begin` to `end`, and the text that a source gets instead. The
/// first entries come after a replacement by kOthersWords.
struct OperatorsWords {
  std::string_view begin, end, told;
};
constexpr std::string_view kNotLetIn = "it does not let this endpoint in";
constexpr OperatorsWords kOperatorsWords[] = {
    {"it cannot be reached. No line of the passfile ", "the mode is 0600", kNotLetIn},
    {"it cannot be reached. The password in the passfile ", "port, database and role", kNotLetIn},
    {"it cannot be reached. Look at the role's name", "of that server", kNotLetIn},
    {"it cannot be reached. The role may not connect", "lets it in", kNotLetIn},
    {"it cannot be reached. Make that database", "correct the name", kNotLetIn},
    {"it cannot be reached. All connections that it allows", "connections of others",
     "it takes no more connections now"},
    {"It takes nothing more. 'mirrorctl restore ", "'.",
     "It takes nothing more until its operator mends it."},
};
/// Endings of this endpoint's file names: they identify a relative path.
constexpr std::string_view kOwnFiles[] = {".db",   "-wal", "-shm", "-journal", ".building", ".claim",
                                          ".toml", ".crt", ".key", ".pem",     ".head",     ".lock"};

bool EndsPath(char character) {
  return std::isspace(static_cast<unsigned char>(character)) != 0 ||
         std::string_view("'\"()[]<>,;:").find(character) != std::string_view::npos;
}

/// Returns whether '/' or '~' and more begins `text`, with or without dots before it. '//' belongs to a URL.
bool BeginsPath(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && at < 2 && text[at] == '.') ++at;
  if (at == 0 && text.starts_with('~')) at = 1;
  return at + 1 < text.size() && text[at] == '/' && text[at + 1] != '/' && !EndsPath(text[at + 1]);
}

bool IsOwnFile(std::string_view text) {
  return text.find('/') != std::string_view::npos &&
         std::any_of(std::begin(kOwnFiles), std::end(kOwnFiles), [&](std::string_view end) {
           const std::size_t at = text.find(end);
           return at != std::string_view::npos;
         });
}

/// Returns the length of the path or word that begins `text`; without the end of a sentence.
std::size_t WordLength(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && !EndsPath(text[length])) ++length;
  while (length > 0 && text[length - 1] == '.') --length;
  return length;
}

std::string WithoutOthers(std::string_view message, const OthersWords& others) {
  std::string told;
  for (std::size_t at = message.find(others.begin); at != std::string_view::npos;
       at = message.find(others.begin)) {
    told.append(message.substr(0, at)).append(others.told);
    const std::size_t end = message.find('"', at + others.begin.size());
    message = end == std::string_view::npos ? std::string_view() : message.substr(end + 1);
  }
  return told.append(message);
}

void CutOperatorsWords(std::string& message, const OperatorsWords& words) {
  for (std::size_t at = message.find(words.begin); at != std::string::npos;
       at = message.find(words.begin, at + words.told.size())) {
    const std::size_t end = message.find(words.end, at + words.begin.size());
    message.replace(at, end == std::string::npos ? end : end + words.end.size() - at, words.told);
  }
}

}  // namespace

std::string SourceWords(std::string_view message) {
  std::string whole(message);
  for (const OthersWords& others : kOthersWords) whole = WithoutOthers(whole, others);
  for (const OperatorsWords& words : kOperatorsWords) CutOperatorsWords(whole, words);
  std::string_view rest = whole;
  std::string told;
  bool at_begin = true;  // Beginning of a word.
  while (!rest.empty()) {
    // A quoted path may contain spaces.
    if (at_begin && rest.front() == '\'') {
      const std::size_t end = rest.find('\'', 1);
      const std::string_view quoted =
          end == std::string_view::npos ? std::string_view() : rest.substr(1, end - 1);
      if (BeginsPath(quoted) || IsOwnFile(quoted)) {
        told.append("'").append(kPath).append("'");
        rest.remove_prefix(end + 1);
        at_begin = false;
        continue;
      }
    }
    if (at_begin && (BeginsPath(rest) || IsOwnFile(rest.substr(0, WordLength(rest))))) {
      told.append(kPath);
      rest.remove_prefix(std::max<std::size_t>(WordLength(rest), 1));
      at_begin = false;
      continue;
    }
    at_begin = EndsPath(rest.front()) || rest.front() == '=';
    told += rest.front();
    rest.remove_prefix(1);
  }
  return CutMessage(told);
}

}  // namespace mirror
