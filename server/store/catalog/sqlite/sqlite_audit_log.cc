#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "server/store/catalog/sqlite/sqlite_catalog.h"

namespace mirror {
namespace {

absl::StatusOr<AuditPoint> ReadBefore(const sqlite::Connection& database) {
  sqlite::Statement query = database.Prepare("SELECT chain, before_id, before_hash FROM audit_chain");
  const absl::StatusOr<bool> row = query.Step();
  if (!row.ok()) return row.status();
  AuditPoint point;
  if (!*row) return point;
  point.chain = query.Text(0);
  point.id = static_cast<std::uint64_t>(query.Int(1));
  point.hash = query.Text(2);
  return point;
}

absl::StatusOr<AuditPoint> ReadLast(const sqlite::Connection& database) {
  absl::StatusOr<AuditPoint> point = ReadBefore(database);
  if (!point.ok()) return point;
  sqlite::Statement query = database.Prepare("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
  const absl::StatusOr<bool> row = query.Step();
  if (!row.ok()) return row.status();
  if (!*row) return point;
  point->id = static_cast<std::uint64_t>(query.Int(0));
  point->hash = query.Text(1);
  return point;
}

/// Behind `last`, which becomes this one.
absl::Status WriteRecord(const sqlite::Connection& database, AuditRecord& record, AuditPoint* last) {
  record.id = last->id + 1;
  record.hash = AuditHash(last->hash, record);
  last->id = record.id;
  last->hash = record.hash;
  return database.Prepare("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)")
      .With(record.id, record.time_ms, record.who, record.call, record.outcome, record.seal)
      .BindBlob(7, record.hash)
      .Run();
}

class SqliteAuditLog final : public AuditLog {
 public:
  explicit SqliteAuditLog(std::shared_ptr<CatalogFile> file) : file_(std::move(file)) {}

  absl::StatusOr<Added> Add(AuditRecord record, const MakeSeal& seal) override {
    if (record.time_ms == 0) record.time_ms = NowMs();
    Added added;
    absl::Status status =
        file_->Write(Outlives::kPower, [&](const sqlite::Connection& database) -> absl::Status {
          const absl::StatusOr<AuditPoint> last = ReadLast(database);
          if (!last.ok()) return last.status();
          added.before = added.now = *last;
          if (seal) {
            absl::StatusOr<std::string> text = seal(added.before, record.time_ms);
            if (!text.ok()) return text.status();
            record.seal = *std::move(text);
          }
          return WriteRecord(database, record, &added.now);
        });
    if (!status.ok()) return status;
    return added;
  }

  absl::StatusOr<std::optional<Added>> Prune(std::uint64_t keep, AuditRecord record,
                                             const MakeSeal& seal) override {
    if (record.time_ms == 0) record.time_ms = NowMs();
    std::optional<Added> added;
    absl::Status status = file_->Write(Outlives::kPower, [&](const sqlite::Connection& database) {
      added.reset();
      return Prune(database, keep, record, seal, &added);
    });
    if (!status.ok()) return status;
    return added;
  }

  absl::StatusOr<AuditState> State() override {
    AuditState state;
    absl::Status status = file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) {
      const absl::StatusOr<AuditPoint> before = ReadBefore(database), last = ReadLast(database);
      if (before.ok()) state.before = *before;
      if (last.ok()) state.last = *last;
      return before.ok() ? last.status() : before.status();
    });
    if (!status.ok()) return status;
    return state;
  }

  /// Nobody else adds to it.
  absl::StatusOr<bool> Holds(const AuditPoint&) override { return false; }

  absl::StatusOr<std::vector<AuditRecord>> After(std::uint64_t after_id, std::uint32_t limit) override {
    std::vector<AuditRecord> records;
    absl::Status status = file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) {
      records.clear();
      sqlite::Statement query = database.Prepare(
          "SELECT id, time_ms, who, call, outcome, seal, hash FROM audit WHERE id > ? ORDER BY id LIMIT ?");
      query.With(std::min<std::uint64_t>(after_id, INT64_MAX), limit);
      absl::StatusOr<bool> row = query.Step();
      for (; row.ok() && *row; row = query.Step()) {
        AuditRecord& record = records.emplace_back();
        record.id = static_cast<std::uint64_t>(query.Int(0));
        record.time_ms = query.Int(1);
        record.who = query.Text(2);
        record.call = query.Text(3);
        record.outcome = query.Text(4);
        record.seal = query.Text(5);
        record.hash = query.Text(6);
      }
      return row.status();
    });
    if (!status.ok()) return status;
    return records;
  }

 private:
  static absl::Status Prune(const sqlite::Connection& database, std::uint64_t keep, AuditRecord& record,
                            const MakeSeal& seal, std::optional<Added>* added) {
    absl::StatusOr<AuditPoint> cut = ReadBefore(database);
    if (!cut.ok()) return cut.status();
    const absl::StatusOr<AuditPoint> last = ReadLast(database);
    if (!last.ok()) return last.status();
    if (last->id - cut->id <= keep) return absl::OkStatus();
    cut->id = last->id - keep;
    sqlite::Statement hash = database.Prepare("SELECT hash FROM audit WHERE id = ?");
    const absl::StatusOr<bool> row = hash.With(cut->id).Step();
    if (!row.ok() || !*row) return row.status();  // Without it somebody took it: the check tells.
    cut->hash = hash.Text(0);
    absl::StatusOr<std::string> text = seal(*cut, record.time_ms);
    if (!text.ok()) return text.status();
    record.seal = *std::move(text);
    added->emplace(Added{*last, *last});
    absl::Status status = WriteRecord(database, record, &(*added)->now);
    if (status.ok()) status = database.Prepare("DELETE FROM audit WHERE id <= ?").With(cut->id).Run();
    if (!status.ok()) return status;
    return database.Prepare("UPDATE audit_chain SET before_id = ?, before_hash = ?")
        .Bind(1, cut->id)
        .BindBlob(2, cut->hash)
        .Run();
  }

  const std::shared_ptr<CatalogFile> file_;
};

}  // namespace

std::unique_ptr<AuditLog> MakeAuditLog(std::shared_ptr<CatalogFile> file) {
  return std::make_unique<SqliteAuditLog>(std::move(file));
}

}  // namespace mirror
