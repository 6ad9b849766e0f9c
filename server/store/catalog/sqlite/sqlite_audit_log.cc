#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "server/store/catalog/sqlite/sqlite_catalog.h"

namespace mirror {
namespace {

void BindBytes(SQLite::Statement& statement, int at, const std::string& bytes) {
  statement.bind(at, bytes.data(), static_cast<int>(bytes.size()));
}

AuditPoint ReadBefore(SQLite::Database& database) {
  SQLite::Statement query(database, "SELECT chain, before_id, before_hash FROM audit_chain");
  AuditPoint point;
  if (!query.executeStep()) return point;
  point.chain = query.getColumn(0).getString();
  point.id = static_cast<std::uint64_t>(query.getColumn(1).getInt64());
  point.hash = query.getColumn(2).getString();
  return point;
}

AuditPoint ReadLast(SQLite::Database& database) {
  AuditPoint point = ReadBefore(database);
  SQLite::Statement query(database, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
  if (!query.executeStep()) return point;
  point.id = static_cast<std::uint64_t>(query.getColumn(0).getInt64());
  point.hash = query.getColumn(1).getString();
  return point;
}

/// Behind `last`, which becomes this one.
void Write(SQLite::Database& database, AuditRecord& record, AuditPoint* last) {
  record.id = last->id + 1;
  record.hash = AuditHash(last->hash, record);
  SQLite::Statement insert(database, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, static_cast<std::int64_t>(record.id));
  insert.bind(2, record.time_ms);
  insert.bind(3, record.who);
  insert.bind(4, record.call);
  insert.bind(5, record.outcome);
  insert.bind(6, record.seal);
  BindBytes(insert, 7, record.hash);
  insert.exec();
  last->id = record.id;
  last->hash = record.hash;
}

class SqliteAuditLog final : public AuditLog {
 public:
  explicit SqliteAuditLog(std::shared_ptr<CatalogFile> file) : file_(std::move(file)) {}

  absl::StatusOr<Added> Add(AuditRecord record, const MakeSeal& seal) override {
    if (record.time_ms == 0) record.time_ms = NowMs();
    Added added;
    absl::Status status = file_->Run(Outlives::kPower, [&](SQLite::Database& database) -> absl::Status {
      SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
      added.before = added.now = ReadLast(database);
      if (seal) {
        absl::StatusOr<std::string> text = seal(added.before, record.time_ms);
        if (!text.ok()) return text.status();
        record.seal = *std::move(text);
      }
      Write(database, record, &added.now);
      transaction.commit();
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return added;
  }

  absl::StatusOr<std::optional<Added>> Prune(std::uint64_t keep, AuditRecord record,
                                             const MakeSeal& seal) override {
    if (record.time_ms == 0) record.time_ms = NowMs();
    std::optional<Added> added;
    absl::Status status = file_->Run(Outlives::kPower, [&](SQLite::Database& database) -> absl::Status {
      added.reset();
      SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
      AuditPoint cut = ReadBefore(database);
      const AuditPoint last = ReadLast(database);
      if (last.id - cut.id <= keep) return absl::OkStatus();
      cut.id = last.id - keep;
      SQLite::Statement hash(database, "SELECT hash FROM audit WHERE id = ?");
      hash.bind(1, static_cast<std::int64_t>(cut.id));
      if (!hash.executeStep()) return absl::OkStatus();  // Somebody took it: the check tells.
      cut.hash = hash.getColumn(0).getString();
      absl::StatusOr<std::string> text = seal(cut, record.time_ms);
      if (!text.ok()) return text.status();
      record.seal = *std::move(text);
      added.emplace(Added{last, last});
      Write(database, record, &added->now);
      SQLite::Statement remove(database, "DELETE FROM audit WHERE id <= ?");
      remove.bind(1, static_cast<std::int64_t>(cut.id));
      remove.exec();
      SQLite::Statement note(database, "UPDATE audit_chain SET before_id = ?, before_hash = ?");
      note.bind(1, static_cast<std::int64_t>(cut.id));
      BindBytes(note, 2, cut.hash);
      note.exec();
      transaction.commit();
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return added;
  }

  absl::StatusOr<AuditState> State() override {
    AuditState state;
    absl::Status status = file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
      state.before = ReadBefore(database);
      state.last = ReadLast(database);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return state;
  }

  absl::StatusOr<std::vector<AuditRecord>> After(std::uint64_t after_id, std::uint32_t limit) override {
    std::vector<AuditRecord> records;
    absl::Status status = file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
      records.clear();
      SQLite::Statement query(database,
                              "SELECT id, time_ms, who, call, outcome, seal, hash FROM audit WHERE id > ? "
                              "ORDER BY id LIMIT ?");
      query.bind(1, static_cast<std::int64_t>(std::min<std::uint64_t>(after_id, INT64_MAX)));
      query.bind(2, static_cast<std::int64_t>(limit));
      while (query.executeStep()) {
        AuditRecord& record = records.emplace_back();
        record.id = static_cast<std::uint64_t>(query.getColumn(0).getInt64());
        record.time_ms = query.getColumn(1).getInt64();
        record.who = query.getColumn(2).getString();
        record.call = query.getColumn(3).getString();
        record.outcome = query.getColumn(4).getString();
        record.seal = query.getColumn(5).getString();
        record.hash = query.getColumn(6).getString();
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return records;
  }

 private:
  const std::shared_ptr<CatalogFile> file_;
};

}  // namespace

std::unique_ptr<AuditLog> MakeAuditLog(std::shared_ptr<CatalogFile> file) {
  return std::make_unique<SqliteAuditLog>(std::move(file));
}

}  // namespace mirror
