#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_ROW_CALL_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_ROW_CALL_H_

#include <sqlite3.h>

#include <functional>

namespace mirror {

/// Gets the values of a row, valid during the call. False: it was enough for now.
using TakeRow = std::function<bool(sqlite3_value** values)>;

/// The SQL function `_mirror_row(values...)`, through which a running statement hands its rows over: that
/// costs a fraction of a sqlite3_step() for each row and of the sqlite3_column_ calls for each value. It is
/// true when it was enough, so `SELECT 1 FROM t WHERE _mirror_row(a, b)` gives back a row just then.
///
/// Threads: those of its connection.
class RowCall {
 public:
  static constexpr char kName[] = "_mirror_row";

  /// Makes the function known to a connection, which this outlives. False: SQLite cannot.
  bool Register(sqlite3* database) {
    return sqlite3_create_function_v2(database, kName, -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, this, &Call,
                                      nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  /// sqlite3_step() of a statement whose rows go to `take`.
  int Step(sqlite3_stmt* statement, const TakeRow& take) {
    take_ = &take;
    const int code = sqlite3_step(statement);
    take_ = nullptr;
    return code;
  }

 private:
  static void Call(sqlite3_context* context, int, sqlite3_value** values) {
    const auto* self = static_cast<const RowCall*>(sqlite3_user_data(context));
    sqlite3_result_int(context, self->take_ != nullptr && !(*self->take_)(values) ? 1 : 0);
  }

  const TakeRow* take_ = nullptr;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_ROW_CALL_H_
