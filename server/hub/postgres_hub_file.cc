#include "server/hub/postgres_hub_file.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/older_readers.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/hub_json.h"
#include "server/hub/hub_schema.h"
#include "server/hub/postgres_hub_book.h"

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

class PostgresHubFile final : public HubFile {
 public:
  PostgresHubFile(std::shared_ptr<PostgresControl> control, const HubRules& rules)
      : control_(std::move(control)), rules_(rules), schema_(rules.storage), own_(schema_.Own(rules)) {}

  absl::Status LayOut();

  absl::Status Alone(const std::function<absl::Status()>& work) override;
  absl::Status CheckAlone() override;
  absl::StatusOr<bool> IsNew() override;
  absl::StatusOr<bool> TakeRules(const std::string& digest) override;
  absl::Status Transact(const std::function<absl::Status(HubBook& book)>& work) override;
  absl::Status Try(const std::function<absl::Status(HubBook& book)>& work) override;
  absl::Status Read(const std::function<absl::Status(HubBook& book)>& work) override;
  absl::Status Rewrite() override;
  absl::StatusOr<std::size_t> DecideHeld(bool commit) override;
  absl::StatusOr<std::size_t> OpenDropped() override;
  absl::StatusOr<std::map<std::string, Figures>> CountAll() override;
  absl::StatusOr<std::map<DeliveryPlace, std::uint64_t>> CountPlaces(DeliveryState state) override;
  absl::StatusOr<ByHand> CountByHand() override;
  absl::StatusOr<std::uint64_t> CountRecords() override;
  absl::StatusOr<Frozen> FindFrozen(std::size_t limit) override;
  absl::StatusOr<std::vector<Duplicate>> FindDuplicates(std::size_t limit) override;
  absl::Status NoteNews() override;
  absl::StatusOr<News> ReadNews() override;
  absl::Status NoteRead(std::int64_t noted) override;

 private:
  using Work = std::function<absl::Status(postgres::Connection& connection)>;
  absl::Status Run(const Work& work);
  absl::Status RunAnywhere(const Work& work);
  absl::Status Lock(postgres::Connection& connection) const;
  absl::Status InTransaction(postgres::Connection& connection, const Work& work) const;
  absl::Status InHubWords(const absl::Status& status);
  absl::StatusOr<Rows> Ask(const std::string& sql, postgres::Values values = {});

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

absl::Status PostgresHubFile::InTransaction(postgres::Connection& connection, const Work& work) const {
  postgres::Transaction transaction(connection);
  absl::Status status = transaction.Begin({}, kAsking);
  if (status.ok()) status = work(connection);
  return status.ok() ? transaction.Commit(kAsking) : status;
}

absl::Status PostgresHubFile::Transact(const std::function<absl::Status(HubBook& book)>& work) {
  return Run([&](postgres::Connection& connection) {
    return InTransaction(connection, [&](postgres::Connection& writing) {
      absl::Status status = writing.Query(kPlainPlansSql, {}, kAsking).status();
      PostgresHubBook book(writing, schema_, rules_);
      if (status.ok()) status = work(book);
      return status.ok() ? book.Finish() : status;
    });
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

absl::StatusOr<Rows> PostgresHubFile::Ask(const std::string& sql, postgres::Values values) {
  absl::StatusOr<Rows> rows = Rows();
  RETURN_IF_ERROR(Run([&](postgres::Connection& connection) {
    rows = connection.Query(schema_.Sql(sql), values, kAsking);
    return rows.status();
  }));
  return rows;
}

absl::StatusOr<bool> PostgresHubFile::IsNew() {
  ASSIGN_OR_RETURN(const Rows rows, Ask("SELECT count(*) FROM @_hub_state"));
  return rows.Int(0, 0) == 0;
}

absl::StatusOr<bool> PostgresHubFile::TakeRules(const std::string& digest) {
  bool changed = false;
  RETURN_IF_ERROR(Run([&](postgres::Connection& connection) {
    return InTransaction(connection, [&](postgres::Connection& writing) -> absl::Status {
      ASSIGN_OR_RETURN(const auto known,
                       writing.Query(schema_.Sql("SELECT digest FROM @_hub_rules"), {}, kAsking));
      changed = known.rows() == 1 && known.View(0, 0) != digest;
      if (known.rows() == 1 && !changed) return absl::OkStatus();
      absl::Status done =
          writing
              .Run(schema_.Sql("INSERT INTO @_hub_rules VALUES (true, $1) ON CONFLICT (one) DO "
                               "UPDATE SET digest = excluded.digest"),
                   {digest}, kAsking)
              .status();
      if (!done.ok() || !changed) return done;
      done = writing.Run(schema_.Sql("UPDATE @_hub_feeds SET reread = true WHERE cycle > 0"), {}, kAsking)
                 .status();
      if (!done.ok()) return done;
      done = writing.Run(schema_.Sql("UPDATE @_hub_deliveries SET state = 2 WHERE state = 1"), {}, kAsking)
                 .status();
      if (!done.ok()) return done;
      return writing.Run(schema_.Sql("UPDATE @_hub_state SET hold = true"), {}, kAsking).status();
    });
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
  absl::Status status = Run([&](postgres::Connection& connection) {
    return InTransaction(connection, [&](postgres::Connection& writing) -> absl::Status {
      const auto count = writing.Run(schema_.Sql("UPDATE @_hub_deliveries SET state = $1 WHERE state = 2"),
                                     {commit ? 1 : 3}, kAsking);
      if (!count.ok() || !commit) return decided = count.value_or(0), count.status();
      decided = *count;
      RETURN_IF_ERROR(
          writing.Run(schema_.Sql("UPDATE @_hub_rows SET unsure = false WHERE unsure"), {}, kAsking)
              .status());
      // A hub made after a loss holds no more once all members were read again.
      return writing
          .Run(schema_.Sql("UPDATE @_hub_state SET hold = false WHERE NOT EXISTS (SELECT 1 FROM @_hub_feeds "
                           "WHERE suspended IS NOT NULL OR cycle = 0)"),
               {}, kAsking)
          .status();
    });
  });
  if (!status.ok()) return status;
  return static_cast<std::size_t>(decided);
}

absl::StatusOr<std::size_t> PostgresHubFile::OpenDropped() {
  std::int64_t opened = 0;
  RETURN_IF_ERROR(Run([&](postgres::Connection& connection) -> absl::Status {
    const auto count =
        connection.Run(schema_.Sql("UPDATE @_hub_deliveries SET state = 1 WHERE state = 3"), {}, kAsking);
    opened = count.value_or(0);
    return count.status();
  }));
  return static_cast<std::size_t>(opened);
}

absl::StatusOr<std::map<std::string, HubFile::Figures>> PostgresHubFile::CountAll() {
  std::map<std::string, Figures> all;
  ASSIGN_OR_RETURN(const Rows counts, Ask("SELECT data_source, rows FROM @_hub_counts"));
  for (int row = 0; row < counts.rows(); ++row) {
    all[counts.Text(row, 0)].rows = static_cast<std::uint64_t>(counts.Int(row, 1));
  }
  ASSIGN_OR_RETURN(const Rows states, Ask("SELECT data_source, state, count(*), count(refused_until) FROM "
                                          "@_hub_deliveries GROUP BY data_source, "
                                          "state"));
  for (int row = 0; row < states.rows(); ++row) {
    Figures& figures = all[states.Text(row, 0)];
    const auto state = static_cast<DeliveryState>(states.Int(row, 1));
    const auto count = static_cast<std::uint64_t>(states.Int(row, 2));
    (state == DeliveryState::kOpen   ? figures.open
     : state == DeliveryState::kHeld ? figures.held
                                     : figures.dropped) = count;
    if (state == DeliveryState::kOpen) figures.refused = static_cast<std::uint64_t>(states.Int(row, 3));
  }
  return all;
}

absl::StatusOr<HubFile::Frozen> PostgresHubFile::FindFrozen(std::size_t limit) {
  Frozen frozen;
  ASSIGN_OR_RETURN(
      const Rows counts,
      Ask("SELECT m.data_source, count(DISTINCT m.golden_id) FROM @_hub_records AS r JOIN @_hub_rows AS m ON "
          "m.golden_id = r.golden_id WHERE r.frozen <> '[]' GROUP BY m.data_source"));
  for (int row = 0; row < counts.rows(); ++row) {
    frozen.of_data_source[counts.Text(row, 0)] = static_cast<std::uint64_t>(counts.Int(row, 1));
  }
  ASSIGN_OR_RETURN(const Rows read, Ask("SELECT entity, golden_id, frozen, count(*) OVER () FROM "
                                        "@_hub_records WHERE frozen <> '[]' ORDER BY "
                                        "number LIMIT $1",
                                        {static_cast<std::int64_t>(limit)}));
  for (int row = 0; row < read.rows(); ++row) {
    frozen.records = static_cast<std::uint64_t>(read.Int(row, 3));
    FrozenRecord& one = frozen.first.emplace_back(FrozenRecord{read.Text(row, 0), read.Text(row, 1)});
    RETURN_IF_ERROR(TakeNames(read.View(row, 2), &one.attributes));
  }
  return frozen;
}

absl::StatusOr<std::map<DeliveryPlace, std::uint64_t>> PostgresHubFile::CountPlaces(DeliveryState state) {
  ASSIGN_OR_RETURN(const Rows rows, Ask("SELECT data_source, table_name, operation, count(*) FROM "
                                        "@_hub_deliveries WHERE state = $1 GROUP BY "
                                        "data_source, table_name, operation",
                                        {static_cast<std::int64_t>(state)}));
  std::map<DeliveryPlace, std::uint64_t> counts;
  for (int row = 0; row < rows.rows(); ++row) {
    const DeliveryPlace place{rows.Text(row, 0), rows.Text(row, 1),
                              static_cast<HubOperation>(rows.Int(row, 2))};
    counts[place] = static_cast<std::uint64_t>(rows.Int(row, 3));
  }
  return counts;
}

absl::StatusOr<HubFile::ByHand> PostgresHubFile::CountByHand() {
  ASSIGN_OR_RETURN(
      const Rows rows,
      Ask("SELECT (SELECT count(*) FROM @_hub_rows WHERE joined_by = 'hand'), (SELECT count(*) FROM "
          "@_hub_apart)"));
  return ByHand{static_cast<std::uint64_t>(rows.Int(0, 0)), static_cast<std::uint64_t>(rows.Int(0, 1))};
}

absl::StatusOr<std::uint64_t> PostgresHubFile::CountRecords() {
  ASSIGN_OR_RETURN(const Rows rows, Ask("SELECT count(*) FROM @_hub_records"));
  return static_cast<std::uint64_t>(rows.Int(0, 0));
}

absl::StatusOr<std::vector<HubFile::Duplicate>> PostgresHubFile::FindDuplicates(std::size_t limit) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      Ask("SELECT max(entity), golden_id, '', data_source, count(*) FROM @_hub_rows WHERE golden_id IS NOT "
          "NULL "
          "GROUP BY golden_id, data_source HAVING count(*) > 1 UNION ALL "
          "SELECT DISTINCT a.entity, a.golden_id, b.golden_id, '', 0 FROM @_hub_keys AS k "
          "JOIN @_hub_keys AS l ON l.hash = k.hash AND l.entity = k.entity AND l.row_id > k.row_id AND "
          "k.row_id "
          "> "
          "0 JOIN @_hub_rows AS a ON a.row_id = k.row_id JOIN @_hub_rows AS b ON b.row_id = l.row_id "
          "WHERE a.golden_id <> b.golden_id AND NOT EXISTS (SELECT 1 FROM @_hub_apart AS p WHERE p.golden_id "
          "= "
          "least(a.golden_id, b.golden_id) AND p.other_id = greatest(a.golden_id, b.golden_id)) LIMIT $1",
          {limit}));
  std::vector<Duplicate> found;
  for (int row = 0; row < rows.rows(); ++row) {
    found.push_back({rows.Text(row, 0), rows.Text(row, 1), rows.Text(row, 2), rows.Text(row, 3),
                     static_cast<std::uint64_t>(rows.Int(row, 4))});
  }
  return found;
}

absl::Status PostgresHubFile::NoteNews() {
  return RunAnywhere([&](postgres::Connection& connection) {
    return connection.Run(schema_.Sql("UPDATE @_hub_news SET noted = noted + 1"), {}, kAsking).status();
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
    return connection.Run(schema_.Sql("UPDATE @_hub_news SET read = greatest(read, $1)"), {noted}, kAsking)
        .status();
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
