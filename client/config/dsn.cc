#include "client/config/dsn.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/db/mariadb/dsn.h"
#include "base/db/odbc/connection_string.h"
#include "base/db/postgres/target.h"

namespace mirror {
namespace {

constexpr char kDsnHoldsPassword[] =
    "holds a password, where others can read it. Remove it, write the password into a file (mode 0600), and "
    "set 'password_file' to that file";

/// KEY=VALUE, as in the dsn of MariaDB and ODBC.
struct DsnWord {
  std::string key;  ///< In lower case.
  std::string value;
};

/// Blanks according to the parsers of ODBC and MariaDB.
bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }
bool IsWordCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Returns each word before a '=', wherever it is. A quoted value may also
/// look like a word; it is then treated as one, so that no password is missed.
std::vector<DsnWord> DsnWords(std::string_view dsn) {
  std::vector<DsnWord> words;
  for (std::size_t equals = dsn.find('='); equals != std::string_view::npos;
       equals = dsn.find('=', equals + 1)) {
    std::size_t end = equals;
    while (end > 0 && IsBlank(dsn[end - 1])) --end;
    std::size_t begin = end;
    while (begin > 0 && IsWordCharacter(dsn[begin - 1])) --begin;
    std::size_t from = equals + 1;
    while (from < dsn.size() && IsBlank(dsn[from])) ++from;
    std::size_t to = from;
    while (to < dsn.size() && dsn[to] != ';' && !IsBlank(dsn[to])) ++to;
    words.push_back({absl::AsciiStrToLower(std::string(dsn.substr(begin, end - begin))),
                     std::string(dsn.substr(from, to - from))});
  }
  return words;
}

bool HasSecretWord(std::string_view dsn) {
  static constexpr std::array<std::string_view, 9> kSecret = {"password",       "passwd",      "pwd",
                                                              "pass",           "passphrase",  "sslpassword",
                                                              "sslkeypassword", "tlspassword", "accesstoken"};
  const std::vector<DsnWord> words = DsnWords(dsn);
  return std::any_of(words.begin(), words.end(), [](const DsnWord& word) {
    return std::find(kSecret.begin(), kSecret.end(), word.key) != kSecret.end();
  });
}

std::string PlainDsnProblem(const std::string& dsn) {
  if (HasSecretWord(dsn)) return kDsnHoldsPassword;
  // A form such as user:password@host.
  const std::size_t scheme = dsn.find("://");
  if (scheme == std::string::npos) return "";
  const std::size_t at = dsn.find('@', scheme), colon = dsn.find(':', scheme + 1);
  return at != std::string::npos && colon < at ? kDsnHoldsPassword : "";
}

std::string PostgresDsnProblem(const std::string& dsn) {
  const absl::StatusOr<postgres::Parameters> parameters = postgres::ReadConninfo(dsn);
  if (!parameters.ok()) {
    // The parser's message says the rest, and shows none of the text.
    return absl::StrCat("cannot be used: ", std::string(parameters.status().message()));
  }
  // A secret inside a value, after a wrong quote, would be shown as a part of the host's name.
  const bool has_secret = HasSecretWord(dsn) ||
                          std::any_of(parameters->begin(), parameters->end(),
                                      [](const auto& parameter) { return HasSecretWord(parameter.second); });
  if (has_secret) return kDsnHoldsPassword;
  if (postgres::FindParameter(*parameters, "passfile") != nullptr) {
    return "names a passfile: remove that, and set 'password_file' to that file";
  }
  return "";
}

std::string MariadbDsnProblem(const std::string& dsn) {
  if (std::string problem = PlainDsnProblem(dsn); !problem.empty()) return problem;
  const absl::Status read = mariadb::ReadDsn(dsn).status();
  return read.ok() ? "" : absl::StrCat("cannot be used: ", std::string(read.message()));
}

std::string OdbcDsnProblem(const std::string& dsn) {
  if (std::string problem = PlainDsnProblem(dsn); !problem.empty()) return problem;
  // Names of a driver's secrets, also inside a value: the agent refuses these when it connects.
  const absl::StatusOr<odbc::ConnectionString> parsed = odbc::ConnectionString::Parse(dsn);
  return parsed.ok() && !parsed->SecretKey().empty() ? kDsnHoldsPassword : "";
}

std::string PlainDsnPlace(const char* server, const std::string& dsn) {
  std::string where;
  for (const std::string_view key : {"dsn", "host", "server", "socket", "port", "dbname", "database"}) {
    for (const DsnWord& word : DsnWords(dsn)) {
      if (word.key == key && !word.value.empty()) {
        absl::StrAppend(&where, where.empty() ? "" : ", ",
                        key == "port"                          ? "port "
                        : key == "dbname" || key == "database" ? "database "
                                                               : "",
                        word.value);
      }
    }
  }
  std::replace(where.begin(), where.end(), '"', '\'');
  return absl::StrCat(server, " at \"", where.empty() ? "its default address" : where, "\"");
}

}  // namespace

std::string DsnProblem(SourceKind kind, const std::string& dsn) {
  if (dsn.find('\n') != std::string::npos) return "must be one line";
  if (kind == SourceKind::kPostgres) return PostgresDsnProblem(dsn);
  return kind == SourceKind::kMariadb ? MariadbDsnProblem(dsn) : OdbcDsnProblem(dsn);
}

std::string DsnPlace(SourceKind kind, const std::string& dsn) {
  if (kind != SourceKind::kPostgres)
    return PlainDsnPlace(kind == SourceKind::kMariadb ? "MariaDB" : "ODBC", dsn);
  const absl::StatusOr<postgres::Parameters> parameters = postgres::ReadConninfo(dsn);
  return postgres::PlaceWords(parameters.ok() ? *parameters : postgres::Parameters());
}

}  // namespace mirror
