#include "base/db/odbc/connection_string.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror::odbc {
namespace {

constexpr std::size_t kBytesMax = 16'384;

bool HasSecretWord(std::string_view text) {
  const std::string folded = FoldName(text);
  for (const char* const word : {"pwd", "password", "passwd", "passphrase", "secret", "token"}) {
    if (folded.find(word) != std::string::npos) return true;
  }
  return false;
}

/// Returns true if a value is a secret. Each driver has its own names for such keys. If one value has several
/// options, as psqlodbc's PQOPT, the value itself is searched.
bool IsSecret(std::string_view key, std::string_view value) {
  return HasSecretWord(key) || (value.find('=') != std::string_view::npos && HasSecretWord(value));
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && absl::ascii_isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && absl::ascii_isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

absl::Status Wrong(std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("it is not an ODBC connection string: ", std::string(why),
                   ". Its form is DRIVER={name};SERVER=host;DATABASE=name;UID=user"));
}

/// Reads a value in braces, in which "}}" means one "}". Removes the value and everything up to the next ";"
/// from `rest`.
absl::StatusOr<std::string> TakeBraced(std::string_view* rest) {
  std::string value;
  for (std::size_t i = 1; i < rest->size(); ++i) {
    if ((*rest)[i] != '}') {
      value += (*rest)[i];
      continue;
    }
    if (i + 1 < rest->size() && (*rest)[i + 1] == '}') {
      value += '}';
      ++i;
      continue;
    }
    rest->remove_prefix(i + 1);
    const std::size_t end = std::min(rest->find(';'), rest->size());
    if (!Trimmed(rest->substr(0, end)).empty()) return Wrong("there is a text after a '}'");
    rest->remove_prefix(end);
    return value;
  }
  return Wrong("a '{' has no '}'");
}

}  // namespace

absl::StatusOr<ConnectionString> ConnectionString::Parse(std::string_view text) {
  if (text.size() > kBytesMax) return Wrong(absl::StrCat("it has over ", kBytesMax, " bytes"));
  if (text.find('\0') != std::string_view::npos) return Wrong("it holds a NUL");
  ConnectionString parsed;
  std::string_view rest = text;
  while (!Trimmed(rest).empty()) {
    const std::size_t equals = rest.find_first_of("=;");
    if (equals != std::string_view::npos && rest[equals] == ';' && Trimmed(rest.substr(0, equals)).empty()) {
      rest.remove_prefix(equals + 1);
      continue;
    }
    const std::string key(Trimmed(rest.substr(0, std::min(equals, rest.size()))));
    if (equals == std::string_view::npos || rest[equals] == ';' || key.empty())
      return Wrong("a part of it has no '='");
    rest = Trimmed(rest.substr(equals + 1));
    std::string value;
    if (!rest.empty() && rest.front() == '{') {
      ASSIGN_OR_RETURN(value, TakeBraced(&rest));
    } else {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      value = std::string(Trimmed(rest.substr(0, end)));
      rest.remove_prefix(end);
    }
    if (!rest.empty()) rest.remove_prefix(1);
    if (parsed.Find(key) == nullptr) parsed.pairs_.emplace_back(key, std::move(value));
  }
  if (parsed.Find("DRIVER") == nullptr && parsed.Find("DSN") == nullptr && parsed.Find("FILEDSN") == nullptr)
    return Wrong("it names neither DRIVER nor DSN");
  return parsed;
}

const std::string* ConnectionString::Find(std::string_view key) const {
  const auto found = std::find_if(pairs_.begin(), pairs_.end(),
                                  [key](const auto& pair) { return SameName(pair.first, key); });
  return found == pairs_.end() ? nullptr : &found->second;
}

void ConnectionString::Set(std::string_view key, std::string_view value) {
  std::erase_if(pairs_, [key](const auto& pair) { return SameName(pair.first, key); });
  pairs_.emplace_back(key, value);
}

void ConnectionString::SetUnlessGiven(std::string_view key, std::string_view value) {
  if (Find(key) == nullptr) pairs_.emplace_back(key, value);
}

std::string ConnectionString::SecretKey() const {
  for (const auto& [key, value] : pairs_) {
    if (IsSecret(key, value)) return key;
  }
  return "";
}

std::vector<std::string> ConnectionString::Secrets() const {
  std::vector<std::string> secrets;
  for (const auto& [key, value] : pairs_) {
    if (IsSecret(key, value) && !value.empty()) secrets.push_back(value);
  }
  return secrets;
}

std::string ConnectionString::ToString() const {
  return absl::StrJoin(pairs_, ";", [](std::string* to, const auto& pair) {
    // Some drivers treat the braces as part of the value: use them only if nothing else works.
    const std::string& value = pair.second;
    const bool plain = value.find(';') == std::string::npos && Trimmed(value) == value &&
                       (value.empty() || value.front() != '{');
    absl::StrAppend(
        to, pair.first, "=",
        plain ? pair.second : absl::StrCat("{", absl::StrReplaceAll(pair.second, {{"}", "}}"}}), "}"));
  });
}

std::string ConnectionString::Place() const {
  std::vector<std::string> parts;
  for (const std::string_view key :
       {"DSN", "FILEDSN", "DRIVER", "SERVER", "SERVERNAME", "HOST", "PORT", "SOCKET", "DATABASE", "DB"}) {
    if (const std::string* const value = Find(key)) parts.push_back(*value);
  }
  return absl::StrJoin(parts, " ");
}

}  // namespace mirror::odbc
