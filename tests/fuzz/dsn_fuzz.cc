// Any connection string of each kind of source, with a password in it: where it is written as one, it is
// refused, and no words about it hold it.
//
// An input is a byte of the kind, then pieces: which keyword, how its value is written, and which that is.

#include "client/config/dsn.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/dsn.h"
#include "base/db/odbc/connection_string.h"
#include "base/db/postgres/target.h"
#include "tests/fuzz/input.h"

namespace mirror {
namespace {

constexpr std::size_t kPiecesMax = 24;
/// No word that any message has.
constexpr std::string_view kSecret = "Sesame7";

/// The first ones are of passwords.
constexpr std::array<std::string_view, 21> kKeywords = {
    "password",    "PWD",     "pwd",    "Password", "passwd",   "sslpassword", "SSLKEYPASSWORD",
    "AccessToken", "host",    "port",   "dbname",   "user",     "UID",         "socket",
    "tls",         "sslmode", "SERVER", "DRIVER",   "DATABASE", "DSN",         "options"};
constexpr std::size_t kSecretKeywords = 8;

struct Written {
  SourceKind kind = SourceKind::kPostgres;
  std::string dsn;
  bool has_secret = false;       ///< As the value of a keyword of passwords.
  bool has_secret_word = false;  ///< Elsewhere, where it may be the name of a host.
};

std::string Quoted(const std::string& value, std::uint32_t how) {
  if (how == 1) return absl::StrCat("'", value, "'");
  return how == 2 ? absl::StrCat("{", value, "}") : value;
}

std::size_t Count(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

Written Write(Input& input) {
  Written written;
  std::size_t secrets = 0;
  const std::uint32_t kind = input.Choose(3);
  written.kind = kind == 0 ? SourceKind::kPostgres : kind == 1 ? SourceKind::kMariadb : SourceKind::kOdbc;
  for (std::size_t i = 0; i < kPiecesMax && !input.AtEnd(); ++i) {
    const std::uint32_t which = input.Choose(kKeywords.size() + 3);
    if (which >= kKeywords.size()) {
      written.dsn += input.Text();
      continue;
    }
    const std::uint8_t how = input.Byte();
    const bool is_secret = which < kSecretKeywords;
    const bool holds_it = is_secret || how % 5 == 4;
    if (is_secret) ++secrets;
    absl::StrAppend(&written.dsn, kind == 2 ? ";" : " ", std::string(kKeywords[which]),
                    (how & 0x80U) != 0 ? " =" : "=",
                    Quoted(holds_it ? std::string(kSecret) : input.Text(), how / 8 % 3));
  }
  written.has_secret = secrets > 0;
  written.has_secret_word = Count(written.dsn, kSecret) > secrets;
  return written;
}

bool Holds(std::string_view words) { return words.find(kSecret) != std::string_view::npos; }

/// What the kind's own library makes of it, which checks it once more.
absl::Status Parsed(const Written& written) {
  switch (written.kind) {
    case SourceKind::kPostgres:
      return postgres::ReadConninfo(written.dsn).status();
    case SourceKind::kMariadb:
      return mariadb::ReadDsn(written.dsn).status();
    default: {
      const absl::StatusOr<odbc::ConnectionString> parsed = odbc::ConnectionString::Parse(written.dsn);
      if (!parsed.ok()) return parsed.status();
      return parsed->SecretKey().empty() ? absl::OkStatus() : absl::InvalidArgumentError("it has a secret");
    }
  }
}

void Take(const Written& written) {
  const absl::Status parsed = Parsed(written);
  Require(!Holds(std::string(parsed.message())));
  const std::string problem = DsnProblem(written.kind, written.dsn);
  Require(!Holds(problem));
  if (!problem.empty()) return;
  // One that is taken has none.
  Require(!written.has_secret);
  if (written.kind != SourceKind::kOdbc) Require(parsed.ok());
  if (written.kind == SourceKind::kOdbc) Require(parsed.ok() || parsed.message() != "it has a secret");
  const std::string place = DsnPlace(written.kind, written.dsn);
  Require(written.has_secret_word || !Holds(place));
  // SourceWords() knows it by its quotes.
  Require(place.ends_with('"') && place.find('"') + 1 <= place.size() - 1);
  Require(place.find('"', place.find('"') + 1) == place.size() - 1);
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mirror::Input input(data, size);
  mirror::Take(mirror::Write(input));
  return 0;
}
