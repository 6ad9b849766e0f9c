#include "server/hub/sqlite/hub_file.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/file_layout.h"
#include "server/hub/sqlite/hub_layout.h"
#include "server/hub/sqlite/sqlite_hub_book.h"

namespace mirror {
namespace {

constexpr int kBusyMs = 5'000;

const KnownLayout& Layout() {
  static const KnownLayout layout{.what = "the hub's file", .present = 1};
  return layout;
}

sqlite::Explain ExplainOf(const std::string& path) {
  return [path](const sqlite::Failure& failure, std::string_view doing) {
    const std::string words = absl::StrCat("the hub's file ", path, doing.empty() ? "" : ", ",
                                           std::string(doing), ": ", failure.words);
    if (sqlite::IsDamage(failure)) {
      return absl::DataLossError(absl::StrCat(words,
                                              ". Put back a backup of it, or remove it: 'mirrorctl hub "
                                              "rebuild' makes it anew"));
    }
    return absl::UnavailableError(absl::StrCat(words, ". Nothing of this was kept; it is tried again"));
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<HubFile>> HubFile::Open(const std::string& path, const HubRules& rules) {
  std::error_code ignored;
  const bool was_made = !std::filesystem::exists(path, ignored);
  absl::StatusOr<std::unique_ptr<sqlite::Connection>> connection = sqlite::Connection::Open(
      path, {.mode = sqlite::OpenAs::Mode::kMake, .busy_ms = kBusyMs}, ExplainOf(path));
  if (!connection.ok()) return connection.status();
  const sqlite::Connection& file = **connection;
  absl::Status status = file.Execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON; "
      "PRAGMA cache_size = -16384; PRAGMA secure_delete = ON");
  file.ReadQuotedAsNames();
  if (status.ok()) {
    status = file.Transact(sqlite::Connection::Begin::kImmediate, [&] {
      absl::Status made = TakeOver(file.handle(), Layout(), 1, path);
      return made.ok() ? LayOutHub(file, rules) : made;
    });
  }
  if (!status.ok()) return status;
  return std::unique_ptr<HubFile>(new HubFile(*std::move(connection), rules, was_made));
}

absl::StatusOr<bool> HubFile::TakeRules(const std::string& digest) {
  bool changed = false;
  absl::Status status = connection_->Transact(sqlite::Connection::Begin::kImmediate, [&] {
    sqlite::Statement known = connection_->Prepare("SELECT digest FROM _hub_rules");
    absl::StatusOr<bool> there = known.Step();
    if (!there.ok()) return there.status();
    changed = *there && known.Text(0) != digest;
    if (*there && !changed) return absl::OkStatus();
    known.Reset();
    absl::Status done =
        connection_->Prepare("INSERT OR REPLACE INTO _hub_rules VALUES (1, ?)").With(digest).Run();
    if (!done.ok() || !changed) return done;
    return connection_->Execute(
        "UPDATE _hub_feeds SET reread = 1 WHERE cycle > 0; UPDATE _hub_state SET hold = 1");
  });
  if (!status.ok()) return status;
  return changed;
}

absl::Status HubFile::Transact(const std::function<absl::Status(HubBook& book)>& work) {
  return connection_->Transact(sqlite::Connection::Begin::kImmediate, [&] {
    SqliteHubBook book(*connection_, rules_);
    return work(book);
  });
}

absl::Status HubFile::Read(const std::function<absl::Status(HubBook& book)>& work) {
  return connection_->Transact(sqlite::Connection::Begin::kDeferred, [&] {
    SqliteHubBook book(*connection_, rules_);
    return work(book);
  });
}

absl::Status HubFile::ReadOpen(const std::string& data_source, const TakeOne& take) {
  sqlite::Statement read = connection_->Prepare(
      "SELECT delivery_id, data_source, table_name, operation, key, golden_id, body, needs, number, state, "
      "fresh "
      "FROM _hub_deliveries WHERE data_source = ? AND state = 1 "
      "ORDER BY coalesce(refused_until, 0), operation, rank, number");
  read.With(data_source);
  for (;;) {
    absl::StatusOr<bool> more = read.Step();
    if (!more.ok() || !*more) return more.status();
    absl::StatusOr<HubDelivery> delivery = TakeDelivery(read);
    if (!delivery.ok()) return delivery.status();
    more = take(*std::move(delivery));
    if (!more.ok() || !*more) return more.status();
  }
}

absl::StatusOr<std::size_t> HubFile::DecideHeld(bool commit) {
  std::size_t decided = 0;
  absl::Status status = connection_->Transact(sqlite::Connection::Begin::kImmediate, [&] {
    absl::Status done = connection_->Prepare("UPDATE _hub_deliveries SET state = ? WHERE state = 2")
                            .With(commit ? 1 : 3)
                            .Run();
    decided = static_cast<std::size_t>(connection_->Changes());
    if (done.ok() && commit) done = connection_->Execute("UPDATE _hub_rows SET unsure = 0 WHERE unsure = 1");
    // What a lost hub made is believed once everybody was read again.
    if (done.ok() && commit) {
      done = connection_->Execute(
          "UPDATE _hub_state SET hold = 0 WHERE NOT EXISTS (SELECT 1 FROM _hub_feeds WHERE suspended IS NOT "
          "NULL "
          "OR cycle = 0)");
    }
    return done;
  });
  if (!status.ok()) return status;
  return decided;
}

absl::StatusOr<std::size_t> HubFile::Thaw(const std::string& golden_id) {
  std::size_t thawed = 0;
  absl::Status status = connection_->Transact(sqlite::Connection::Begin::kImmediate, [&] {
    // They are planned again by the next derivation.
    absl::Status done =
        connection_
            ->Prepare(
                "UPDATE _hub_records SET frozen = '[]', turns = NULL, work = coalesce(work, '{}') WHERE "
                "frozen <> '[]' AND (?1 = '' OR golden_id = ?1)")
            .With(golden_id)
            .Run();
    thawed = static_cast<std::size_t>(connection_->Changes());
    return done;
  });
  if (!status.ok()) return status;
  return thawed;
}

absl::StatusOr<std::map<std::string, HubFile::Figures>> HubFile::CountAll() {
  std::map<std::string, Figures> all;
  sqlite::Statement rows = connection_->Prepare("SELECT data_source, rows FROM _hub_counts");
  for (;;) {
    absl::StatusOr<bool> more = rows.Step();
    if (!more.ok()) return more.status();
    if (!*more) break;
    all[rows.Text(0)].rows = static_cast<std::uint64_t>(rows.Int(1));
  }
  sqlite::Statement read = connection_->Prepare(
      "SELECT data_source, state, count(*), count(refused_until) FROM _hub_deliveries GROUP BY data_source, "
      "state");
  for (;;) {
    absl::StatusOr<bool> more = read.Step();
    if (!more.ok()) return more.status();
    if (!*more) return all;
    Figures& figures = all[read.Text(0)];
    const auto state = static_cast<DeliveryState>(read.Int(1));
    const auto count = static_cast<std::uint64_t>(read.Int(2));
    (state == DeliveryState::kOpen   ? figures.open
     : state == DeliveryState::kHeld ? figures.held
                                     : figures.dropped) = count;
    if (state == DeliveryState::kOpen) figures.refused = static_cast<std::uint64_t>(read.Int(3));
  }
}

absl::StatusOr<std::uint64_t> HubFile::CountRecords() {
  absl::StatusOr<std::int64_t> count = connection_->Number("SELECT count(*) FROM _hub_records");
  if (!count.ok()) return count.status();
  return static_cast<std::uint64_t>(*count);
}

absl::StatusOr<std::vector<HubFile::Duplicate>> HubFile::FindDuplicates(std::size_t limit) {
  sqlite::Statement read = connection_->Prepare(
      "SELECT entity, golden_id, '', data_source, count(*) FROM _hub_rows WHERE golden_id IS NOT NULL "
      "GROUP BY golden_id, data_source HAVING count(*) > 1 UNION ALL "
      "SELECT DISTINCT a.entity, min(a.golden_id, b.golden_id), max(a.golden_id, b.golden_id), '', 0 "
      "FROM _hub_keys AS k "
      "JOIN _hub_keys AS l ON l.hash = k.hash AND l.entity = k.entity AND l.row_id > k.row_id AND k.row_id > "
      "0 "
      "JOIN _hub_rows AS a ON a.row_id = k.row_id JOIN _hub_rows AS b ON b.row_id = l.row_id "
      "WHERE a.golden_id <> b.golden_id LIMIT ?");
  read.With(limit);
  std::vector<Duplicate> found;
  for (;;) {
    absl::StatusOr<bool> more = read.Step();
    if (!more.ok()) return more.status();
    if (!*more) return found;
    found.push_back(
        {read.Text(0), read.Text(1), read.Text(2), read.Text(3), static_cast<std::uint64_t>(read.Int(4))});
  }
}

}  // namespace mirror
