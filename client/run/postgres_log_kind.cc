#include "client/run/postgres_log_kind.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"
#include "base/human_text.h"
#include "base/nonce.h"
#include "client/run/source_rules.h"
#include "client/run/stage_log.h"
#include "client/source/postgres/log/log_words.h"
#include "client/source/postgres/log/postgres_log.h"
#include "client/source/postgres/log/postgres_staging.h"
#include "client/source/postgres/log/publication.h"
#include "client/source/postgres/log/replication_slot.h"
#include "client/source/postgres/postgres_catalog.h"

namespace mirror {
namespace {

constexpr std::chrono::milliseconds kSlotMadeWithin{30'000};

std::string SlotOf(const SourceConfig& source) {
  return source.server.slot.empty() ? SlotName(source.context_id) : source.server.slot;
}
std::string PublicationOf(const SourceConfig& source) {
  return source.server.publication.empty() ? SlotName(source.context_id) : source.server.publication;
}

PostgresStagingOptions StagingOf(const SourceConfig& source, const LogUser& user) {
  PostgresStagingOptions options;
  options.access = PostgresAccessOf(source);
  options.slot = SlotOf(source);
  options.publication = PublicationOf(source);
  options.stage = StageOptionsOf(source, user);
  return options;
}

/// A session that may write.
absl::StatusOr<std::unique_ptr<postgres::Connection>> OpenToChange(const SourceConfig& source) {
  postgres::ConnectAs as = ConnectToSource(PostgresAccessOf(source));
  for (auto& [name, value] : as.settings) {
    if (name == "default_transaction_read_only") value = "off";
  }
  return postgres::Connection::Open(as);
}

/// Those of these names.
absl::StatusOr<std::vector<PostgresTable>> ReadTables(postgres::Connection& connection,
                                                      const std::string& schema,
                                                      const std::vector<std::string>& names) {
  postgres::Pipeline pipeline(connection);
  const PostgresTableQueries queries(schema);
  queries.Queue(pipeline);
  const absl::StatusOr<std::vector<postgres::Rows>> rows = pipeline.Run();
  if (!rows.ok()) return rows.status();
  absl::StatusOr<std::vector<PostgresTable>> tables = queries.Take(*rows);
  if (!tables.ok()) return tables;
  std::erase_if(*tables, [&names](const PostgresTable& table) {
    return std::find(names.begin(), names.end(), table.name) == names.end();
  });
  return tables;
}

/// The slot is made by the first cycle where this role may not, or transactions are open for long.
absl::Status MakeSlot(postgres::Connection& connection, const std::string& slot, std::string* words) {
  const absl::StatusOr<SlotLook> look = LookAtSlot(connection, slot);
  if (!look.ok()) return look.status();
  if (look->slot) return absl::OkStatus();
  const absl::StatusOr<std::uint64_t> made = CreateSlot(connection, slot, kSlotMadeWithin);
  if (made.ok()) return absl::OkStatus();
  const LogTrouble trouble = LogTroubleOf(made.status());
  if (trouble != LogTrouble::kDenied && !absl::IsUnavailable(made.status())) return made.status();
  absl::StrAppend(words, ". The replication slot '", slot,
                  "' is made by the first cycle: ", std::string(made.status().message()));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SourceLog>> OpenPostgresLog(const SourceConfig& source, const LogUser& user,
                                                           KeptLog* kept, const std::atomic<bool>* stop) {
  // Who has no memory of his own reads no log.
  if (user.state_dir.empty()) return nullptr;
  std::shared_ptr<PostgresStaging> staging;
  if (kept != nullptr) staging = std::dynamic_pointer_cast<PostgresStaging>(kept->keeper);
  if (staging == nullptr) {
    absl::StatusOr<std::shared_ptr<PostgresStaging>> opened = PostgresStaging::Open(StagingOf(source, user));
    if (!opened.ok()) return opened.status();
    staging = *std::move(opened);
  }
  PostgresLogOptions options;
  options.schema = source.server.schema;
  options.snapshot_wait_ms = source.server.snapshot_wait_ms;
  options.source_id = user.source_id;
  options.stop = stop;
  absl::StatusOr<std::unique_ptr<PostgresLog>> log = PostgresLog::Open(staging, options);
  if (!log.ok()) return log.status();
  // One that is not installed any more reads on for nobody.
  if (kept != nullptr) kept->keeper = *log != nullptr ? std::move(staging) : nullptr;
  return std::unique_ptr<SourceLog>(*std::move(log));
}

absl::StatusOr<InstalledLog> InstallPostgresLog(const SourceConfig& source, const LogUser& user,
                                                const std::vector<std::string>& tables) {
  const absl::StatusOr<std::unique_ptr<postgres::Connection>> connection = OpenToChange(source);
  if (!connection.ok()) return connection.status();
  absl::StatusOr<std::vector<PostgresTable>> known = ReadTables(**connection, source.server.schema, tables);
  if (!known.ok()) return known.status();
  const absl::StatusOr<std::optional<PublicationFacts>> now =
      ReadPublication(**connection, PublicationOf(source));
  if (!now.ok()) return now.status();
  std::string source_id = user.source_id;
  if (source_id.empty() && *now) source_id = SourceIdOf((*now)->comment);
  if (source_id.empty()) source_id = NewToken();
  std::vector<std::string> unlogged;
  for (const PostgresTable& table : *known) {
    const std::string why = WhyUnpublishable(table);
    if (!why.empty()) unlogged.push_back(absl::StrCat(table.name, " (", why, ")"));
  }
  std::string words =
      absl::StrCat("the changes of ", Counted(known->size() - unlogged.size(), "table"), " are logged");
  if (!unlogged.empty())
    absl::StrAppend(&words,
                    ". What changes in others is found by comparing: ", absl::StrJoin(unlogged, ", "));
  const absl::StatusOr<std::vector<std::string>> done =
      InstallPublication(**connection, {PublicationOf(source), SlotOf(source), source_id, *std::move(known)});
  if (!done.ok()) return done.status();
  // Behind the publication: where the slot stands in the log, it has to be there.
  if (absl::Status made = MakeSlot(**connection, SlotOf(source), &words); !made.ok()) return made;
  return InstalledLog{source_id, std::move(words)};
}

absl::StatusOr<bool> UninstallPostgresLog(const SourceConfig& source, const LogUser& user) {
  const absl::StatusOr<std::unique_ptr<postgres::Connection>> connection = OpenToChange(source);
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<std::optional<PublicationFacts>> publication =
      ReadPublication(**connection, PublicationOf(source));
  if (!publication.ok()) return publication.status();
  const absl::StatusOr<SlotLook> look = LookAtSlot(**connection, SlotOf(source));
  if (!look.ok()) return look.status();
  if (!*publication && !look->slot) return false;
  absl::Status gone =
      UninstallPublication(**connection, SlotOf(source), PublicationOf(source),
                           user.takes_over ? "" : user.source_id, PostgresAccessOf(source).application_name);
  if (!gone.ok()) return gone;
  // What was staged is of a log that is no more.
  RemoveStage(source, user);
  return true;
}

}  // namespace mirror
