#include "server/store/postgres/place/try_writing.h"

#include "absl/strings/str_cat.h"
#include "base/db/postgres/transaction.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/names.h"

namespace mirror {

absl::Status TryWriting(postgres::Connection& connection, const char* schema) {
  constexpr char kTrying[] = "trying whether anything can be written";
  const std::string table = Qualified(schema, absl::StrCat("write_test_", NewToken()));
  postgres::Transaction transaction(connection);
  RETURN_IF_ERROR(transaction.Begin());
  // Over 300 kB, stored as they are: less may find room in pages that are free already.
  return connection.Execute(absl::StrCat("CREATE TABLE ", table, " (t text); INSERT INTO ", table,
                                         " SELECT repeat('x', 1000) FROM generate_series(1, 300)"),
                            kTrying);
}

}  // namespace mirror
