#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_READER_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_READER_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "certs/keyed_hash.h"
#include "client/source/capture/value_rows.h"
#include "client/source/reader.h"
#include "client/source/server/server_look.h"
#include "client/source/server/server_reader_log.h"
#include "client/source/server/server_words.h"
#include "client/source/sqlite/log/sorted_digests.h"
#include "client/source/steps/table_steps.h"
#include "client/source/table_choice.h"

namespace mirror {

/// Returns for how many milliseconds a new table can still get the creation time `created_s` (unix seconds).
/// `clock_ms`: the database's clock now. Returns 0 if that second is over, or an argument is 0 (not known).
/// Also returns 0 if the second is so far ahead that the two times come from different clocks.
inline std::int64_t SettlesIn(std::int64_t created_s, std::int64_t clock_ms) {
  // File times lag behind the kernel's clock by up to one tick.
  constexpr std::int64_t kSecond = 1'000, kTick = 50;
  if (created_s == 0 || clock_ms == 0) return 0;
  const std::int64_t left = (created_s + 1) * kSecond + kTick - clock_ms;
  return left > kSecond + kTick ? 0 : std::max<std::int64_t>(left, 0);
}

/// Reads the tables of a database that reports creation times in whole seconds. Then waits until the second
/// in which the youngest table was created is over, and reads them again. So a table that is dropped and
/// created again later has another time. Reads at most three times. `read`: reads all tables, and sets its
/// argument to the database's clock in milliseconds; 0: tables are distinguished in another way. `created`:
/// returns the creation time of a table in seconds; 0: not needed.
template <typename Read, typename Created>
auto ReadSettled(const Read& read, const Created& created) {
  constexpr int kReadings = 3;
  for (int reading = 1;; ++reading) {
    std::int64_t clock_ms = 0, wait_ms = 0;
    auto tables = read(&clock_ms);
    if (!tables.ok() || reading == kReadings) return tables;
    for (const auto& table : *tables) wait_ms = std::max(wait_ms, SettlesIn(created(table), clock_ms));
    if (wait_ms == 0) return tables;
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
  }
}

/// Options of the reader of every kind of server.
struct ServerReaderOptions {
  TableChoice choice = {};
  /// SourceTable.record of earlier runs, by table name.
  std::map<std::string, std::string> records = {};
  /// Key columns by folded name, for tables without a declared primary key or whose key the server hides.
  std::map<std::string, std::vector<std::string>> keys = {};
  std::vector<TableSteps> steps = {};          ///< The reader applies their `where`, `hash` and `mask`.
  std::optional<TenantHashKey> hash_key = {};  ///< Needed when steps hash.
  /// True: if the server reports creation times in whole seconds, Schema() waits until the second of the
  /// newest table is over. SourceTable.identity then differs from that of each table that is created later.
  /// False: two tables created in one second have one identity.
  bool settles = false;
};

/// The common part of the readers of all servers' databases. `Rows`: a ServerRows. `Tables`: a ServerTables.
/// `Options`: the ServerReaderOptions of the kind.
template <typename Rows, typename Tables, typename Options>
class ServerReader : public SourceReader {
 public:
  using Look = typename Rows::Look;
  using Known = typename Rows::Known;
  using Ask = typename Rows::Ask;
  using Table = typename Known::Table;
  using Log = ServerReaderLog<Look>;

  ~ServerReader() override {
    if (look_ != nullptr) look_->is_over = true;
  }

  SourceMark Mark() const override {
    if (!place_) return {};
    SourceMark mark{place_->name};
    mark.database = place_->identity;
    return mark;
  }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    if (!place_) {
      ASSIGN_OR_RETURN(place_, sessions_->Look());
    }
    ASSIGN_OR_RETURN(const std::vector<Table> all, ReadTables());
    return Choose(all).names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    LeaveMoment();
    if (look_ != nullptr) look_->is_over = true;
    look_.reset();
    tables_.Clear();
    // The address may lead to another database now.
    ASSIGN_OR_RETURN(place_, sessions_->Look());
    SourceSchema schema;
    RETURN_IF_ERROR(LookAtTables(&schema));
    look_ = NewLook();
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    const std::shared_ptr<const Known> known = FindToRead(table);
    if (known == nullptr) return UnknownTable(table);
    if (!known->steps || known->steps->where.empty()) return CountAll(*known);
    Rows rows(look_, known, Ask{{0}});
    return CountValues(rows);
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    const std::shared_ptr<const Known> known = FindToRead(table);
    if (known == nullptr) return UnknownTable(table);
    if (log_ != nullptr) {
      RETURN_IF_ERROR(log_->CheckReadable(known->table));
      log_->BeginRows(known->table);
      absl::StatusOr<std::unique_ptr<TableReader>> logged = log_->LoggedRows(look_, known, columns);
      if (!logged.ok() || *logged != nullptr) return logged;
    }
    return ReadValues(known->given, columns, std::make_unique<Rows>(look_, known, Ask{columns}));
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool whole_rows, bool count_all,
                                                        std::vector<Key> also) override {
    if (log_ == nullptr)
      return SourceReader::Changes(table, from, columns, whole_rows, count_all, std::move(also));
    const std::shared_ptr<const Known> known = FindToRead(table);
    if (known == nullptr) return UnknownTable(table);
    RETURN_IF_ERROR(log_->CheckReadable(known->table));
    return log_->Changes(look_, known, {from, columns, whole_rows, std::move(also)});
  }

  RepeatedKeys RepeatedKeysOf(const std::string& table) override {
    const std::shared_ptr<const Known> known = tables_.Find(table);
    // The server does not enforce a key of the configuration.
    const bool own = known == nullptr || !known->table.key.empty() || known->schema.Key().empty();
    return own ? RepeatedKeys::kNever : RepeatedKeys::kMistake;
  }

  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override {
    const std::shared_ptr<const Known> known = FindToRead(table);
    if (known == nullptr) return UnknownTable(table);
    return LookAt(known, column);
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    const std::shared_ptr<const Known> known = FindToRead(table);
    if (known == nullptr) return UnknownTable(table);
    ScanColumns what(known->given, columns, {});
    const auto wanted = std::make_shared<const std::vector<Key>>(std::move(keys));
    std::unique_ptr<ValueRows> rows = RowsOfKeys(known, what.read, wanted);
    return ReadKeyRows({known, &known->given}, std::move(what), wanted, std::move(rows));
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override {
    absl::StatusOr<std::unique_ptr<DigestReader>> scan = Scan(table, columns);
    if (!scan.ok()) return scan;
    return SortRows(*std::move(scan), tables_.Find(table)->schema.Key().size());
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> Scan(const std::string& table,
                                                     const std::vector<std::uint32_t>& columns) override {
    return ScanBy(table, columns, {});
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanByColumn(
      const std::string& table, const std::vector<std::uint32_t>& columns) override {
    return ScanBy(table, columns, {std::nullopt, /*by_column=*/true});
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& table,
                                                         const std::vector<std::uint32_t>& columns,
                                                         const RowBound& bound) override {
    return ScanBy(table, columns, {bound, bound.by_column});
  }

  void LeaveMoment() override {
    if (log_ != nullptr) log_->LeaveMoment();
  }
  void Forget(const std::string& table) override { tables_.Forget(table); }
  /// An open snapshot keeps the server from removing row versions that were replaced after it.
  bool HoldsLog(bool /*closed_later*/) const override { return true; }

 protected:
  /// `log` may be null; otherwise it must outlive the reader.
  ServerReader(std::shared_ptr<typename Look::Sessions> sessions, Options options, Log* log = nullptr)
      : options_(std::move(options)),
        sessions_(std::move(sessions)),
        tables_(options_.records, options_.keys, options_.steps),
        log_(log) {}

  /// Returns all tables of the catalogs.
  virtual absl::StatusOr<std::vector<Table>> ReadTables() = 0;
  /// Announces the tables, with their indexes and foreign keys.
  virtual absl::Status LookAtTables(SourceSchema* schema) = 0;
  /// Counts a table's rows in the source, including those that its steps leave out.
  virtual absl::StatusOr<std::uint64_t> CountAll(const Known& known) = 0;
  virtual absl::StatusOr<ColumnFacts> LookAt(const std::shared_ptr<const Known>& known,
                                             std::uint32_t column) = 0;
  /// See ReadKeyRows().
  virtual std::unique_ptr<ValueRows> RowsOfKeys(const std::shared_ptr<const Known>& known,
                                                std::vector<std::uint32_t> read, WantedKeys keys) = 0;
  /// Makes `ask` select rows whose column is `from` or greater, as exactly as the server can. The query may
  /// return other rows, too.
  virtual void AskFrom(const Known& known, std::uint32_t column, const KeyPart& from, Ask* ask) = 0;
  /// Called before each reading.
  virtual void LeaveOldMoment() {}
  virtual std::shared_ptr<Look> NewLook() {
    auto look = std::make_shared<Look>();
    look->sessions = sessions_;
    look->place = *place_;
    if (options_.hash_key) look->hash_key = &*options_.hash_key;
    look->keep = [this](const Known& known, const std::vector<Misfit>& misfits) {
      tables_.Keep(known, misfits);
    };
    if (Log* const log = log_; log != nullptr) {
      look->note_snapshot = [log](const Known& known, const std::string& snapshot) {
        log->NoteSnapshot(known.table, snapshot);
      };
    }
    return look;
  }

  /// Announces the chosen tables of the catalogs, by name. `is_readable`: whether a name can be written in a
  /// statement.
  template <typename IsReadable>
  void AnnounceAll(std::vector<Table> all, const IsReadable& is_readable, SourceSchema* schema) {
    ChosenTables chosen = Choose(all);
    schema->idle_patterns = std::move(chosen.idle_patterns);
    schema->blocked = std::move(chosen.blocked);
    schema->refused = std::move(chosen.refused);
    const std::set<std::string> names(chosen.names.begin(), chosen.names.end());
    AnnouncedNames announced(schema);
    for (Table& table : all) {
      if (!names.contains(table.name) || !announced.Take(table.name, is_readable(table))) continue;
      schema->tables.push_back(tables_.Announce(std::move(table), *place_, &schema->notes));
    }
    std::sort(schema->tables.begin(), schema->tables.end(),
              [](const SourceTable& a, const SourceTable& b) { return a.schema.name < b.schema.name; });
  }

  /// Returns all tables, see ReadSettled(). `created` gives the creation time of the chosen ones.
  template <typename Read, typename Created>
  absl::StatusOr<std::vector<Table>> ReadSettledTables(const Read& read, const Created& created) const {
    std::set<std::string> chosen;
    return ReadSettled(
        [&](std::int64_t* clock_ms) {
          absl::StatusOr<std::vector<Table>> all = read(clock_ms);
          if (all.ok()) {
            const std::vector<std::string> names = Choose(*all).names;
            chosen = {names.begin(), names.end()};
          }
          return all;
        },
        [&](const Table& table) { return chosen.contains(table.name) ? created(table) : 0; });
  }

  const Options options_;
  const std::shared_ptr<typename Look::Sessions> sessions_;
  std::optional<typename Look::Place> place_;
  Tables tables_;
  Log* const log_;
  std::shared_ptr<Look> look_;  ///< Null: there is no look.

 private:
  /// Null: there is no such table.
  std::shared_ptr<const Known> FindToRead(const std::string& table) {
    if (look_ == nullptr) return nullptr;
    LeaveOldMoment();
    return tables_.Find(table);
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> ScanBy(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       ValueScanRule rule) {
    const std::shared_ptr<const Known> known = FindToRead(table);
    if (known == nullptr) return UnknownTable(table);
    const ScanColumns what(known->given, columns, rule);
    Ask ask{what.read};
    if (rule.bound) {
      ask.left_out = rule.bound->left_out;
      if (!known->steps) {
        // Without a `where` no rows are left out.
        if (ask.left_out) ask.where = "1 = 0";
        if (!ask.left_out) AskFrom(*known, rule.bound->column, rule.bound->from, &ask);
      }
    }
    return ScanValues(known->given, std::move(rule), what,
                      std::make_unique<Rows>(look_, known, std::move(ask)));
  }

  /// Chooses among all tables of the catalogs, by name.
  ChosenTables Choose(const std::vector<Table>& all) const {
    std::vector<std::string> names;
    for (const Table& table : all) names.push_back(table.name);
    ChosenTables chosen = ChooseTables(options_.choice, names);
    std::sort(chosen.names.begin(), chosen.names.end());
    return chosen;
  }
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_READER_H_
