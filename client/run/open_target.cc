#include "client/run/open_target.h"

#include <map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/folded_name.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/exchange_tables.h"
#include "client/exchange/postgres/postgres_deliveries.h"
#include "client/run/open_reader.h"
#include "client/run/source_rules.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/state/run_state.h"

namespace mirror {
namespace {

using Target = absl::StatusOr<std::unique_ptr<DeliveryTarget>>;

ExchangeRules RulesOfExchange(const SourceConfig& source) {
  ExchangeRules rules;
  rules.inserts = source.accept.inserts;
  rules.updates = source.accept.updates;
  rules.deletes = source.accept.deletes;
  rules.tables = source.accept.tables;
  rules.columns = source.accept.columns;
  for (const TableConfig& table : source.tables) {
    if (table.steps.any()) rules.steps.push_back(table.steps);
    if (!table.key.empty()) rules.keys[FoldName(table.name)] = table.key;
  }
  return rules;
}

// --- SQLite -------------------------------------------------------------------

/// The file is open for as long as something is done in it.
class SqliteTarget : public DeliveryTarget {
 public:
  explicit SqliteTarget(const SourceConfig& source) : source_(source) {}

  absl::Status EmptyInbox() override {
    const absl::StatusOr<std::unique_ptr<SqliteFile>> file = Open();
    return file.ok() ? mirror::EmptyInbox(**file) : file.status();
  }
  absl::Status FillInbox(const FetchedDeliveries& fetched, std::int64_t now_ms) override {
    const absl::StatusOr<std::unique_ptr<SqliteFile>> file = Open();
    return file.ok() ? mirror::FillInbox(**file, fetched, now_ms) : file.status();
  }
  absl::StatusOr<std::vector<v1::Delivery>> ReadInbox() override {
    const absl::StatusOr<std::unique_ptr<SqliteFile>> file = Open();
    if (!file.ok()) return file.status();
    return mirror::ReadInbox(**file);
  }
  absl::StatusOr<ImportResult> Import(const v1::Delivery& delivery) override {
    if (importer_ == nullptr) {
      auto importer = Importer::Open(source_.path, RulesOfExchange(source_), &NowMs);
      if (!importer.ok()) return importer.status();
      importer_ = *std::move(importer);
    }
    return importer_->Import(delivery);
  }

 private:
  absl::StatusOr<std::unique_ptr<SqliteFile>> Open() const {
    return SqliteFile::Open(source_.path, Use::kChange);
  }

  const SourceConfig& source_;
  std::unique_ptr<Importer> importer_;  ///< Null: nothing was imported yet.
};

Target OpenSqliteTarget(const SourceConfig& source, const std::string& /*state_dir*/) {
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source.path, Use::kLooks);
  if (!file.ok() || !CheckExchangeTables(**file).ok()) return nullptr;
  return std::make_unique<SqliteTarget>(source);
}

// --- PostgreSQL ---------------------------------------------------------------

Target OpenPostgresTarget(const SourceConfig& source, const std::string& state_dir) {
  PostgresDeliveriesOptions options;
  options.access = PostgresAccessOf(source);
  options.rules = RulesOfExchange(source);
  options.clock = &NowMs;
  options.members.schema = source.server.schema;
  options.members.choice = {source.include, source.skip, source.blocked, {}, /*exchange=*/true};
  options.members.keys = options.rules.keys;
  options.members.records = [&source, state_dir]() -> absl::StatusOr<std::map<std::string, std::string>> {
    const absl::StatusOr<RunState> state = RunState::Load(state_dir, source.context_id);
    if (!state.ok()) return state.status();
    return PipelineOf(source, state->tables().Records()).InnerRecords();
  };
  auto target = std::make_unique<PostgresDeliveries>(std::move(options));
  absl::Status checked = target->Check();
  if (absl::IsFailedPrecondition(checked)) return nullptr;
  if (!checked.ok()) return checked;
  return target;
}

}  // namespace

Target OpenTarget(const SourceConfig& source, const std::string& state_dir) {
  if (!source.accept.any()) return nullptr;
  switch (source.kind) {
    case SourceKind::kSqlite:
      return OpenSqliteTarget(source, state_dir);
    case SourceKind::kPostgres:
      return OpenPostgresTarget(source, state_dir);
    default:
      return nullptr;
  }
}

}  // namespace mirror
