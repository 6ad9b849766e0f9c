#include "client/run/open_target.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status_macros.h"
#include "client/exchange/datajoin/sqlite_boxes.h"
#include "client/exchange/exchange_tables.h"
#include "client/exchange/forget_gone.h"
#include "client/exchange/mariadb/mariadb_deliveries.h"
#include "client/exchange/postgres/postgres_deliveries.h"
#include "client/run/open_reader.h"
#include "client/run/source_rules.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/state/run_state.h"

namespace mirror {
namespace {

using Target = absl::StatusOr<std::unique_ptr<DeliveryTarget>>;

// --- SQLite -------------------------------------------------------------------

/// The file is opened for each call; imports share theirs, which stays open.
class SqliteTarget : public DeliveryTarget {
 public:
  SqliteTarget(const SourceConfig& source, MakeInboxLayout layout)
      : source_(source), rules_(RulesOfExchange(source)), layout_(std::move(layout)) {}

  absl::Status EmptyInbox() override {
    const absl::StatusOr<std::unique_ptr<SqliteFile>> file = Open();
    return file.ok() ? mirror::EmptyInbox(**file) : file.status();
  }
  absl::Status FillInbox(const FetchedDeliveries& fetched, std::int64_t now_ms) override {
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, Open());
    // First: a layout shows no values of what the ledger has forgotten.
    RETURN_IF_ERROR(ForgetValuesOfGone(*file, rules_));
    const Shown shown(*file, rules_, layout_);
    return mirror::FillInbox(*file, fetched, now_ms, shown.layout.get());
  }
  absl::StatusOr<std::vector<v1::Delivery>> ReadInbox() override {
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, Open());
    return mirror::ReadInbox(*file);
  }
  absl::StatusOr<ImportResult> Import(const v1::Delivery& delivery) override {
    if (importer_ == nullptr) {
      ASSIGN_OR_RETURN(importer_, Importer::Open(source_.path, rules_, &NowMs));
      shown_.emplace(importer_->file(), rules_, layout_);
      importer_->set_layout(shown_->layout.get());
    }
    return importer_->Import(delivery);
  }
  absl::Status WithBoxes(const std::function<absl::Status(BoxSource&)>& work) override {
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, Open());
    SqliteBoxes boxes(*file, rules_);
    return work(boxes);
  }
  void EndImport() override {
    shown_.reset();
    importer_.reset();
  }

 private:
  /// What is shown by one connection.
  struct Shown {
    Shown(const SqliteFile& file, const ExchangeRules& rules, const MakeInboxLayout& make)
        : boxes(file, rules), layout(make ? make(boxes) : nullptr) {}
    SqliteBoxes boxes;
    std::unique_ptr<InboxLayout> layout;  ///< Null: nothing.
  };

  absl::StatusOr<std::unique_ptr<SqliteFile>> Open() const {
    absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source_.path, Use::kChange);
    if (file.ok()) (*file)->TakeLongValues();
    return file;
  }

  const SourceConfig& source_;
  const ExchangeRules rules_;
  const MakeInboxLayout layout_;
  std::unique_ptr<Importer> importer_;  ///< Null: nothing was imported yet.
  std::optional<Shown> shown_;          ///< Of that.
};

Target OpenSqliteTarget(const SourceConfig& source, MakeInboxLayout layout) {
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source.path, Use::kLooks);
  if (!file.ok() || !CheckExchangeTables(**file).ok()) return nullptr;
  return std::make_unique<SqliteTarget>(source, std::move(layout));
}

// --- Servers ------------------------------------------------------------------

template <typename Deliveries, typename Options>
Target OpenServerTarget(const SourceConfig& source, const std::string& state_dir, Options options) {
  options.rules = RulesOfExchange(source);
  options.clock = &NowMs;
  // The table that is sent is the one that takes deliveries.
  const absl::StatusOr<RunState> state = RunState::Load(state_dir, source.context_id);
  options.members.choice = ChoiceOf(state.ok() ? WithLastTables(source, state->tables()) : source);
  options.members.keys = options.rules.keys;
  options.members.records = [&source, state_dir]() -> absl::StatusOr<std::map<std::string, std::string>> {
    ASSIGN_OR_RETURN(const RunState state, RunState::Load(state_dir, source.context_id));
    return PipelineOf(source, state.tables().Records()).InnerRecords();
  };
  auto target = std::make_unique<Deliveries>(options);
  absl::Status checked = target->Check();
  if (absl::IsFailedPrecondition(checked)) return nullptr;
  if (!checked.ok()) return checked;
  return target;
}

// --- PostgreSQL ---------------------------------------------------------------

Target OpenPostgresTarget(const SourceConfig& source, const std::string& state_dir, MakeInboxLayout layout) {
  PostgresDeliveriesOptions options;
  options.layout = std::move(layout);
  options.access = PostgresAccessOf(source);
  options.members.schema = source.server.schema;
  return OpenServerTarget<PostgresDeliveries>(source, state_dir, std::move(options));
}

// --- MariaDB ------------------------------------------------------------------

Target OpenMariadbTarget(const SourceConfig& source, const std::string& state_dir) {
  MariadbDeliveriesOptions options;
  options.access = MariadbAccessOf(source);
  return OpenServerTarget<MariadbDeliveries>(source, state_dir, std::move(options));
}

}  // namespace

Target OpenTarget(const SourceConfig& source, const std::string& state_dir, MakeInboxLayout layout) {
  if (!source.accept.any()) return nullptr;
  switch (source.kind) {
    case SourceKind::kSqlite:
      return OpenSqliteTarget(source, std::move(layout));
    case SourceKind::kPostgres:
      return OpenPostgresTarget(source, state_dir, std::move(layout));
    case SourceKind::kMariadb:
      return OpenMariadbTarget(source, state_dir);
    default:
      return nullptr;
  }
}

}  // namespace mirror
