#ifndef MIRROR_BASE_DB_ODBC_CONNECTION_STRING_H_
#define MIRROR_BASE_DB_ODBC_CONNECTION_STRING_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror::odbc {

/// "DRIVER={PostgreSQL Unicode};SERVER=db1;UID=mir": keys, of which case does not count, with their values.
/// Threads: as a value.
class ConnectionString {
 public:
  /// Errors: kInvalidArgument: it is none; the words have no value of it.
  static absl::StatusOr<ConnectionString> Parse(std::string_view text);

  /// Null: there is none. Where it is given twice, the first one counts, as ODBC has it.
  const std::string* Find(std::string_view key) const;
  /// In the place of what it was.
  void Set(std::string_view key, std::string_view value);
  void SetUnlessGiven(std::string_view key, std::string_view value);
  /// The first key whose value is a secret; empty: none is.
  std::string SecretKey() const;
  /// Values that no message may repeat.
  std::vector<std::string> Secrets() const;

  /// With every value as the driver manager reads it.
  std::string ToString() const;
  /// For people: driver or DSN, server and database, and nothing else of it.
  std::string Place() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace mirror::odbc

#endif  // MIRROR_BASE_DB_ODBC_CONNECTION_STRING_H_
