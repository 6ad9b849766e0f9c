#ifndef MIRROR_CLIENT_EXCHANGE_BOX_SQL_H_
#define MIRROR_CLIENT_EXCHANGE_BOX_SQL_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/table.h"

namespace mirror {

/// A row of an answer: whole numbers, texts and NULL; what is true is 1.
using BoxRow = std::vector<Literal>;
/// 0 where it is none.
std::int64_t BoxNumber(const Literal& value);
/// Empty where it is none.
std::string BoxString(const Literal& value);

/// Statements over the tables in which a source shows its exchange, one text of them for each kind of
/// database: `?1`, `?2`, … stand for what is bound, and IS DISTINCT FROM compares with NULL. Few rows at a
/// time, and nothing of the application's tables.
/// Errors: those of the source's connection. Threads: the connection's.
class BoxSql {
 public:
  virtual ~BoxSql() = default;

  /// What makes the tables is said otherwise by each database.
  struct Dialect {
    const char* number;                             ///< The type of whole numbers.
    const char* next_number;                        ///< Of a column that numbers its rows by itself.
    std::string (*time_order)(const std::string&);  ///< See ComparableTime() of the kind.
    std::string (*bytes_of)(const std::string&);    ///< In SQL: how many bytes a text has.
  };
  virtual Dialect dialect() const = 0;
  /// A table as it stands in statements.
  virtual std::string Named(std::string_view table) const = 0;
  /// "name ON table" of CREATE INDEX.
  virtual std::string IndexOn(std::string_view name, std::string_view table) const = 0;
  /// What an error says of where the tables are.
  virtual std::string Place() const = 0;

  /// One statement. It may be sent with later ones: then Query(), or the end of the change, has its error.
  virtual absl::Status Run(const std::string& sql, std::vector<Literal> bound = {}) = 0;
  virtual absl::StatusOr<std::vector<BoxRow>> Query(const std::string& sql,
                                                    std::vector<Literal> bound = {}) = 0;
  /// What is done in it is there or not. In a change it is a part of that one; else it may be called again,
  /// after what it did was taken back.
  virtual absl::Status Change(const std::function<absl::Status()>& work) = 0;

  /// In a change: a box of which the row `id` was written numbers its rows by itself from behind that on.
  virtual absl::Status KeepNumber(std::string_view box, std::int64_t id) = 0;

  /// Folded. Empty: there is no such table or view.
  virtual absl::StatusOr<std::set<std::string>> ColumnsOf(std::string_view table) = 0;

  /// The first value of the only row.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, std::vector<Literal> bound = {});
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_BOX_SQL_H_
