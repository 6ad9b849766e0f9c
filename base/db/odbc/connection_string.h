#ifndef MIRROR_BASE_DB_ODBC_CONNECTION_STRING_H_
#define MIRROR_BASE_DB_ODBC_CONNECTION_STRING_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror::odbc {

/// A connection string such as "DRIVER={PostgreSQL Unicode};SERVER=db1;UID=mir": keys with their values. The
/// case of keys is ignored. Threads: one at a time.
class ConnectionString {
 public:
  /// Parses a text. Errors: kInvalidArgument: it is not a connection string; the message contains no value of
  /// it.
  static absl::StatusOr<ConnectionString> Parse(std::string_view text);

  /// Returns the value of a key; null: there is none. If a key is given twice, the first value is used, as in
  /// ODBC.
  const std::string* Find(std::string_view key) const;
  /// Sets a value, replacing a former one.
  void Set(std::string_view key, std::string_view value);
  void SetUnlessGiven(std::string_view key, std::string_view value);
  /// Returns the first key whose value is a secret; empty: there is none.
  std::string SecretKey() const;
  /// Returns the values that no message may repeat.
  std::vector<std::string> Secrets() const;

  /// Returns the text, with every value written as the driver manager reads it.
  std::string ToString() const;
  /// Returns a text for people with driver or DSN, server and database, and nothing else.
  std::string Place() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace mirror::odbc

#endif  // MIRROR_BASE_DB_ODBC_CONNECTION_STRING_H_
