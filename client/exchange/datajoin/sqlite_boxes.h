#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_SQLITE_BOXES_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_SQLITE_BOXES_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// `_mirror_datajoin_log`: for each change log, the last entry that is in the
/// outbox. To be called in a change. Errors: those of SqliteFile. Threads: one.
class ToldPositions {
 public:
  explicit ToldPositions(const SqliteFile& file) : file_(file) {}

  /// A log with entries that are not in the outbox yet.
  struct Waiting {
    std::int64_t log = 0;
    std::int64_t from = 0, last = 0;  ///< After `from`, up to and including `last`.
  };
  absl::StatusOr<std::vector<Waiting>> Find() const;
  absl::Status Move(std::int64_t log, std::int64_t seq) const;
  /// Skips all present entries of the logs: they never enter the outbox.
  absl::Status MoveToEnd() const;

 private:
  const SqliteFile& file_;
};

/// Statements over a SQLite file.
class SqliteBoxSql : public BoxSql {
 public:
  explicit SqliteBoxSql(const SqliteFile& file) : file_(file) {}

  Dialect dialect() const override;
  std::string Named(std::string_view table) const override;
  std::string IndexOn(std::string_view name, std::string_view table) const override;
  std::string Place() const override;
  absl::Status Run(const std::string& sql, std::vector<Literal> bound) override;
  absl::StatusOr<std::vector<BoxRow>> Query(const std::string& sql, std::vector<Literal> bound) override;
  absl::Status Change(const std::function<absl::Status()>& work) override { return file_.Change(work); }
  /// A no-op: SQLite keeps the number itself.
  absl::Status KeepNumber(std::string_view /*box*/, std::int64_t /*id*/) override { return absl::OkStatus(); }
  absl::StatusOr<std::set<std::string>> ColumnsOf(std::string_view table) override;

 private:
  const SqliteFile& file_;
};

/// A SQLite source. Its change logs have the changes, and ToldPositions says how far each log
/// is in the outbox. Memory: the keys of a piece, and one row. Errors: those of SqliteFile.
class SqliteBoxes : public BoxSource {
 public:
  /// `file`: opened with Use::kChange; both outlive it.
  SqliteBoxes(const SqliteFile& file, const ExchangeRules& rules)
      : file_(file), sql_(file), tables_(file, rules), positions_(file) {}

  /// Statements that make further objects beside the boxes: see MakeDatajoinObjects().
  static std::vector<std::string> Statements();

  BoxSql& sql() override { return sql_; }
  absl::StatusOr<const MemberTable*> Find(const std::string& sent_name) override;
  absl::StatusOr<bool> TakeChanges(std::int64_t limit,
                                   const std::function<absl::Status(const ChangedForBox&)>& tell) override;
  absl::Status PassChanges() override { return positions_.MoveToEnd(); }
  absl::StatusOr<bool> HideImport() override { return false; }
  absl::StatusOr<bool> SendRow(const std::string& table, const std::string& key) override;

 private:
  absl::StatusOr<bool> TakeLog(const MemberTable& table, std::int64_t from, std::int64_t limit,
                               const std::function<absl::Status(const ChangedForBox&)>& tell);
  absl::StatusOr<const MemberTable*> FindOwn(const std::string& name);

  const SqliteFile& file_;
  SqliteBoxSql sql_;
  MemberTables tables_;
  const ToldPositions positions_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_SQLITE_BOXES_H_
