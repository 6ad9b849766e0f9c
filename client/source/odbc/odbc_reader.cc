#include "client/source/odbc/odbc_reader.h"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "client/source/odbc/odbc_dialect.h"
#include "client/source/odbc/odbc_rows.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/server/server_tables.h"

namespace mirror {
namespace {

/// See ServerTables.
struct OdbcTableKind {
  using Known = KnownOdbcTable;
  using Place = OdbcPlace;
  /// PostgreSQL's form is suitable for any source whose columns have numbers.
  using Record = PostgresRecord;
  static constexpr char kComputer[] = "the database";
  static constexpr char kWideValues[] = "such as an invalid date, or infinity";
  static constexpr char kWideNote[] = "";
  static constexpr bool kKeyMayLackValues = true;

  static Record Parse(std::string_view text) { return ParsePostgresRecord(text); }
  static MarkedColumn<std::int64_t, std::uint32_t> Mark(const OdbcColumn& column);
  static Column WireOf(const OdbcColumn& column, const Place& /*place*/, bool wide);
  static std::vector<std::uint32_t> KeyOf(const OdbcTable& table) { return table.key; }
  static const std::vector<std::string>& GeneratedOf(const OdbcTable& table) { return table.left_out; }
  static std::uint64_t IdOf(const OdbcTable& table) { return table.id; }
  static std::uint64_t IdentityOf(const OdbcTable& table, Record* /*record*/) { return table.identity; }
  static std::string ProblemOf(const OdbcTable& table, const Place& /*place*/, const std::string& problem) {
    return problem.empty() ? table.problem : problem;
  }
  static std::vector<std::string> NotesOf(const OdbcTable& table) { return table.notes; }
};

using OdbcSourceTables = ServerTables<OdbcTableKind>;

MarkedColumn<std::int64_t, std::uint32_t> OdbcTableKind::Mark(const OdbcColumn& column) {
  return {column.number, column.type, column.type_name};
}

Column OdbcTableKind::WireOf(const OdbcColumn& column, const Place& /*place*/, bool wide) {
  Column wire = column.wire;
  if (!wide || wire.type == Type::kAny) return wire;
  wire.type = Type::kAny;
  wire.affinity = column.wide_affinity;
  wire.length = wire.precision = wire.scale = 0;
  return wire;
}

class OdbcReader : public ServerReader<OdbcSourceRows, OdbcSourceTables, OdbcReaderOptions> {
 public:
  explicit OdbcReader(const OdbcReaderOptions& options)
      : ServerReader(std::make_shared<OdbcSessions>(options.access), options) {}

  absl::StatusOr<SourceSchema> Schema() override {
    place_.reset();
    return ServerReader::Schema();
  }

 private:
  absl::StatusOr<std::vector<OdbcTable>> ReadTables() override { return ReadCatalogs(); }

  absl::Status LookAtTables(SourceSchema* schema) override {
    ASSIGN_OR_RETURN(std::vector<OdbcTable> all, options_.settles ? ReadSettledCatalogs() : ReadCatalogs());
    if (!std::exchange(has_told_, true)) schema->notes = place_->notes;
    AnnounceAll(
        std::move(all), [](const OdbcTable&) { return true; }, schema);
    return absl::OkStatus();
  }

  absl::StatusOr<std::uint64_t> CountAll(const KnownOdbcTable& known) override {
    return CountOdbcRows(*look_, known);
  }
  absl::StatusOr<ColumnFacts> LookAt(const std::shared_ptr<const KnownOdbcTable>& known,
                                     std::uint32_t column) override {
    return LookAtOdbcColumn(look_, known, column);
  }
  std::unique_ptr<ValueRows> RowsOfKeys(const std::shared_ptr<const KnownOdbcTable>& known,
                                        std::vector<std::uint32_t> read, WantedKeys keys) override {
    return RowsOfOdbcKeys(look_, known, std::move(read), std::move(keys));
  }
  void AskFrom(const KnownOdbcTable& known, std::uint32_t column, const KeyPart& from,
               OdbcAsk* ask) override {
    ask->where =
        OdbcFromSql(known.table.columns[column], known.schema.columns[column], from, &ask->parameters);
  }

  /// `clock_ms`: null, or receives OdbcDialect::CreationClock() before the tables are read.
  absl::StatusOr<std::vector<OdbcTable>> ReadCatalogs(std::int64_t* clock_ms = nullptr) {
    ASSIGN_OR_RETURN(std::unique_ptr<odbc::Connection> connection, sessions_->Take());
    if (clock_ms != nullptr) {
      ASSIGN_OR_RETURN(*clock_ms, sessions_->dialect().CreationClock(*connection));
    }
    absl::StatusOr<std::vector<OdbcTable>> all = sessions_->dialect().Tables(*connection);
    sessions_->GiveBack(std::move(connection));
    return all;
  }

  absl::StatusOr<std::vector<OdbcTable>> ReadSettledCatalogs() {
    return ReadSettledTables(
        [this](std::int64_t* clock_ms) { return ReadCatalogs(clock_ms); },
        [](const OdbcTable& table) { return static_cast<std::int64_t>(table.identity); });
  }

  bool has_told_ = false;  ///< Messages about the source were given.
};

}  // namespace

std::unique_ptr<SourceReader> OpenOdbcReader(OdbcReaderOptions options) {
  return std::make_unique<OdbcReader>(options);
}

}  // namespace mirror
