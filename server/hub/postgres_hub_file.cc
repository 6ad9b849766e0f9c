#include "server/hub/postgres_hub_file.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/older_readers.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/hub_schema.h"
#include "server/hub/postgres_hub_book.h"
#include "server/own_records/postgres_record.h"

namespace mirror {
namespace {

using postgres::Rows;
using postgres::Trouble;

constexpr char kLocking[] = "waiting for the hub";
constexpr char kAsking[] = "asking the hub";
constexpr char kRewriting[] = "rewriting the hub's tables without what was erased";
constexpr std::chrono::hours kRewritingMax{6};
/// Locked by name: two hubs never have the same.
constexpr char kLockSql[] = "SELECT pg_advisory_lock(hashtextextended('mirror-server derives ' || $1, 0))";
constexpr char kUnlockSql[] =
    "SELECT pg_advisory_unlock(hashtextextended('mirror-server derives ' || $1, 0))";
/// Ends a connection that was idle for so long: its server no longer does what it took the lock for.
constexpr char kEndHungSql[] =
    "SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid, 2000)) FROM pg_locks AS l JOIN "
    "pg_stat_activity AS a USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND "
    "l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND (l.classid::bigint << "
    "32 | l.objid::bigint) = hashtextextended('mirror-server derives ' || $1, 0) AND a.state <> 'active' AND "
    "clock_timestamp() - a.state_change > $2 * interval '1 millisecond'";

/// PostgreSQL has no statistics of this transaction's writes: plans that read whole tables look cheap until
/// they are not. These settings make such plans look costly, and would then cause compiling; so jit is off.
constexpr char kPlainPlansSql[] =
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
    "set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)";

/// Records with several rows of one data source; then pairs of records whose rows share a key.
constexpr char kPostgresDuplicates[] =
    "SELECT max(entity), golden_id, '', data_source, count(*) FROM @_hub_rows WHERE golden_id IS NOT "
    "NULL "
    "GROUP BY golden_id, data_source HAVING count(*) > 1 UNION ALL "
    "SELECT DISTINCT a.entity, a.golden_id, b.golden_id, '', 0 FROM @_hub_keys AS k "
    "JOIN @_hub_keys AS l ON l.hash = k.hash AND l.entity = k.entity AND l.row_id > k.row_id AND "
    "k.row_id "
    "> "
    "0 JOIN @_hub_rows AS a ON a.row_id = k.row_id JOIN @_hub_rows AS b ON b.row_id = l.row_id "
    "WHERE a.golden_id <> b.golden_id AND NOT EXISTS (SELECT 1 FROM @_hub_apart AS p WHERE p.golden_id "
    "= "
    "least(a.golden_id, b.golden_id) AND p.other_id = greatest(a.golden_id, b.golden_id)) LIMIT $1";

class PostgresHubFile final : public HubFile {
 public:
  PostgresHubFile(std::shared_ptr<PostgresControl> control, const HubRules& rules)
      : HubFile({.frozen_join = "JOIN", .duplicates = kPostgresDuplicates}),
        control_(std::move(control)),
        rules_(rules),
        schema_(rules.storage),
        own_(schema_.Own(rules)) {}

  absl::Status LayOut();

  absl::Status Alone(const std::function<absl::Status()>& work) override;
  absl::Status CheckAlone() override;
  absl::StatusOr<bool> TakeRules(const std::string& digest) override;
  absl::Status Transact(const std::function<absl::Status(HubBook& book)>& work) override;
  absl::Status Try(const std::function<absl::Status(HubBook& book)>& work) override;
  absl::Status Read(const std::function<absl::Status(HubBook& book)>& work) override;
  absl::Status Rewrite() override;
  absl::StatusOr<std::size_t> DecideHeld(bool commit) override;
  absl::StatusOr<std::size_t> OpenDropped() override;
  absl::Status NoteNews() override;
  absl::StatusOr<News> ReadNews() override;
  absl::Status NoteRead(std::int64_t noted) override;

 private:
  using Work = std::function<absl::Status(postgres::Connection& connection)>;
  absl::Status Run(const Work& work);
  absl::Status RunAnywhere(const Work& work);
  absl::Status Lock(postgres::Connection& connection) const;
  absl::Status InTransaction(const Work& work);
  /// Runs SQL in which @ stands for the schema. Returns the number of rows that it changed.
  absl::StatusOr<std::int64_t> Change(postgres::Connection& connection, std::string_view sql,
                                      postgres::Values values = {}) const {
    return connection.Run(schema_.Sql(sql), values, kAsking);
  }
  absl::Status InHubWords(const absl::Status& status);
  absl::Status Ask(const std::string& sql, std::optional<std::int64_t> value, TakeRow take) override;

  const std::shared_ptr<PostgresControl> control_;
  const HubRules& rules_;
  const HubSchema schema_;
  const postgres::OwnGuard own_;
  std::atomic<bool> is_laid_out_{false};
  postgres::Connection* alone_ = nullptr;  ///< For the holder of Alone().
};

/// Keeps errors that this class made.
absl::Status PostgresHubFile::InHubWords(const absl::Status& status) {
  const Trouble trouble = postgres::TroubleOf(status);
  if (trouble == Trouble::kUndefined) {
    is_laid_out_ = false;
    return absl::UnavailableError(absl::StrCat("hub '", rules_.storage, "': ", std::string(status.message()),
                                               ". Somebody dropped or changed objects in its schema ",
                                               schema_.name,
                                               " of the control database: restore a backup of the schema, or "
                                               "drop the whole schema; the server then makes it anew, and "
                                               "all members wait for 'mirrorctl hub resume'"));
  }
  if (trouble == Trouble::kConstraint || trouble == Trouble::kValue || trouble == Trouble::kTooLarge) {
    return absl::DataLossError(absl::StrCat("hub '", rules_.storage, "': ", std::string(status.message()),
                                            ". Nothing of this was kept"));
  }
  return status;
}

absl::Status PostgresHubFile::RunAnywhere(const Work& work) {
  if (!is_laid_out_) RETURN_IF_ERROR(LayOut());
  return control_->Run([&](postgres::Connection& connection) {
    // Another server may have removed the hub since, and another role may have taken its name.
    const absl::Status ours = own_.Find(connection).status();
    return InHubWords(ours.ok() ? work(connection) : ours);
  });
}

absl::Status PostgresHubFile::Run(const Work& work) {
  return alone_ != nullptr ? work(*alone_) : RunAnywhere(work);
}

absl::Status PostgresHubFile::LayOut() {
  absl::Status made = control_->Write(
      [&](postgres::Connection& connection) { return LayOutHub(connection, schema_, rules_); });
  if (made.ok()) is_laid_out_ = true;
  return made;
}

absl::Status PostgresHubFile::Lock(postgres::Connection& connection) const {
  absl::Status locked = connection.Query(kLockSql, {schema_.name}, kLocking).status();
  if (postgres::TroubleOf(locked) == Trouble::kLockTimeout) {
    const auto ended = connection.Number(kEndHungSql, {schema_.name, kHubHangsMs}, kLocking);
    if (ended.ok() && *ended > 0) locked = connection.Query(kLockSql, {schema_.name}, kLocking).status();
  }
  if (postgres::TroubleOf(locked) != Trouble::kLockTimeout) return locked;
  return absl::UnavailableError(absl::StrCat("another server is at work on hub '", rules_.storage,
                                             "'. Nothing was done: try again in a moment"));
}

absl::Status PostgresHubFile::Alone(const std::function<absl::Status()>& work) {
  return RunAnywhere([&](postgres::Connection& connection) -> absl::Status {
    RETURN_IF_ERROR(Lock(connection));
    alone_ = &connection;
    absl::Status done = work();
    alone_ = nullptr;
    // The next user of the connection must not have the lock.
    if (!connection.Query(kUnlockSql, {schema_.name}, kLocking).ok()) connection.Close();
    return done;
  });
}

absl::Status PostgresHubFile::CheckAlone() { return alone_ != nullptr ? alone_->Probe() : absl::OkStatus(); }

absl::Status PostgresHubFile::InTransaction(const Work& work) {
  return Run([&](postgres::Connection& connection) -> absl::Status {
    postgres::Transaction transaction(connection);
    RETURN_IF_ERROR(transaction.Begin({}, kAsking));
    RETURN_IF_ERROR(work(connection));
    return transaction.Commit(kAsking);
  });
}

absl::Status PostgresHubFile::Transact(const std::function<absl::Status(HubBook& book)>& work) {
  return InTransaction([&](postgres::Connection& connection) -> absl::Status {
    RETURN_IF_ERROR(connection.Query(kPlainPlansSql, {}, kAsking).status());
    PostgresHubBook book(connection, schema_, rules_);
    RETURN_IF_ERROR(work(book));
    return book.Finish();
  });
}

absl::Status PostgresHubFile::Try(const std::function<absl::Status(HubBook& book)>& work) {
  return Run([&](postgres::Connection& connection) {
    postgres::Transaction transaction(connection);  // Rolled back, as it is never committed.
    absl::Status status = transaction.Begin({}, kAsking);
    if (status.ok()) status = connection.Query(kPlainPlansSql, {}, kAsking).status();
    PostgresHubBook book(connection, schema_, rules_);
    return status.ok() ? work(book) : status;
  });
}

absl::Status PostgresHubFile::Read(const std::function<absl::Status(HubBook& book)>& work) {
  return Run([&](postgres::Connection& connection) {
    postgres::Transaction transaction(connection);
    absl::Status status = transaction.Begin({.repeatable_read = true, .read_only = true}, kAsking);
    PostgresHubBook book(connection, schema_, rules_);
    if (status.ok()) status = work(book);
    return status.ok() ? transaction.Commit(kAsking) : status;
  });
}

absl::Status PostgresHubFile::Ask(const std::string& sql, std::optional<std::int64_t> value, TakeRow take) {
  std::vector<postgres::Value> values;
  if (value) values.emplace_back(*value);
  absl::StatusOr<Rows> rows = Rows();
  RETURN_IF_ERROR(Run([&](postgres::Connection& connection) {
    rows = connection.Query(schema_.Sql(sql), values, kAsking);
    return rows.status();
  }));
  for (int row = 0; row < rows->rows(); ++row) {
    RETURN_IF_ERROR(
        take([&](int column, ColumnKind kind) { return PostgresFieldAt(*rows, row, column, kind); }));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> PostgresHubFile::TakeRules(const std::string& digest) {
  bool changed = false;
  RETURN_IF_ERROR(InTransaction([&](postgres::Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(const auto known,
                     connection.Query(schema_.Sql("SELECT digest FROM @_hub_rules"), {}, kAsking));
    changed = known.rows() == 1 && known.View(0, 0) != digest;
    if (known.rows() == 1 && !changed) return absl::OkStatus();
    RETURN_IF_ERROR(Change(connection,
                           "INSERT INTO @_hub_rules VALUES (true, $1) ON CONFLICT (one) DO UPDATE SET digest "
                           "= excluded.digest",
                           {digest})
                        .status());
    if (!changed) return absl::OkStatus();
    RETURN_IF_ERROR(Change(connection, "UPDATE @_hub_feeds SET reread = true WHERE cycle > 0").status());
    RETURN_IF_ERROR(Change(connection, "UPDATE @_hub_deliveries SET state = 2 WHERE state = 1").status());
    return Change(connection, "UPDATE @_hub_state SET hold = true").status();
  }));
  return changed;
}

absl::Status PostgresHubFile::Rewrite() {
  return Run([&](postgres::Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string older, postgres::FindOlderReaders(connection));
    if (!older.empty()) {
      return absl::UnavailableError(absl::StrCat(
          "hub '", rules_.storage, "': what was erased in its members would stay on disk, since ",
          "these may still see it: ", older,
          ". No table was rewritten, and it is tried again. End those of them that stay for long"));
    }
    ASSIGN_OR_RETURN(
        const Rows tables,
        connection.Query("SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) AND "
                         "relkind = 'r' AND "
                         "relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) ORDER BY 1",
                         {QuoteName(schema_.name)}, kRewriting));
    const postgres::AnswersWithin patient(connection, kRewritingMax);
    for (int row = 0; row < tables.rows(); ++row) {
      RETURN_IF_ERROR(connection.Execute(
          absl::StrCat("VACUUM (FULL) ", schema_.at, QuoteName(tables.Text(row, 0))), kRewriting));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::size_t> PostgresHubFile::DecideHeld(bool commit) {
  std::int64_t decided = 0;
  RETURN_IF_ERROR(InTransaction([&](postgres::Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(decided, Change(connection, "UPDATE @_hub_deliveries SET state = $1 WHERE state = 2",
                                     {commit ? 1 : 3}));
    if (!commit) return absl::OkStatus();
    RETURN_IF_ERROR(Change(connection, "UPDATE @_hub_rows SET unsure = false WHERE unsure").status());
    // A hub made after a loss holds no more once all members were read again.
    return Change(connection,
                  "UPDATE @_hub_state SET hold = false WHERE NOT EXISTS (SELECT 1 FROM @_hub_feeds WHERE "
                  "suspended IS NOT NULL OR cycle = 0)")
        .status();
  }));
  return static_cast<std::size_t>(decided);
}

absl::StatusOr<std::size_t> PostgresHubFile::OpenDropped() {
  std::int64_t opened = 0;
  RETURN_IF_ERROR(Run([&](postgres::Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(opened, Change(connection, "UPDATE @_hub_deliveries SET state = 1 WHERE state = 3"));
    return absl::OkStatus();
  }));
  return static_cast<std::size_t>(opened);
}

absl::Status PostgresHubFile::NoteNews() {
  return RunAnywhere([&](postgres::Connection& connection) {
    return Change(connection, "UPDATE @_hub_news SET noted = noted + 1").status();
  });
}

absl::StatusOr<HubFile::News> PostgresHubFile::ReadNews() {
  News news;
  RETURN_IF_ERROR(RunAnywhere([&](postgres::Connection& connection) -> absl::Status {
    ASSIGN_OR_RETURN(const auto rows,
                     connection.Query(schema_.Sql("SELECT noted, read FROM @_hub_news"), {}, kAsking));
    if (rows.rows() == 1) news = {.noted = rows.Int(0, 0), .read = rows.Int(0, 1)};
    return absl::OkStatus();
  }));
  return news;
}

absl::Status PostgresHubFile::NoteRead(std::int64_t noted) {
  return RunAnywhere([&](postgres::Connection& connection) {
    return Change(connection, "UPDATE @_hub_news SET read = greatest(read, $1)", {noted}).status();
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<HubFile>> OpenPostgresHubFile(std::shared_ptr<PostgresControl> control,
                                                             const HubRules& rules) {
  auto file = std::make_unique<PostgresHubFile>(std::move(control), rules);
  RETURN_IF_ERROR(file->LayOut());
  return file;
}

absl::Status RemovePostgresHubFile(PostgresControl& control, const HubRules& rules) {
  const HubSchema schema(rules.storage);
  return control.Write([&](postgres::Connection& connection) {
    RETURN_IF_ERROR(postgres::OwnGuard({.schema = schema.name}).Find(connection).status());
    return connection
        .Run(absl::StrCat("DROP SCHEMA IF EXISTS ", QuoteName(schema.name), " CASCADE"), {},
             "removing the hub")
        .status();
  });
}

}  // namespace mirror
