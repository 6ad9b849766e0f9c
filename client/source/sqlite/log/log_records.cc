#include "client/source/sqlite/log/log_records.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {
namespace {

/// Records that Forget() removes in one transaction.
constexpr std::int64_t kRecordsPerTrim = 1'000;

std::string Join(const LogPositions& positions) {
  std::string text;
  for (const auto& [log, lsn] : positions) absl::StrAppend(&text, text.empty() ? "" : " ", log, "=", lsn);
  return text;
}

LogPositions Split(const std::string& text) {
  LogPositions positions;
  for (const absl::string_view entry : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    std::int64_t log = 0, lsn = 0;
    const char* end = entry.data() + entry.size();
    const auto first = std::from_chars(entry.data(), end, log);
    if (first.ptr == end) continue;
    std::from_chars(first.ptr + 1, end, lsn);
    positions[log] = lsn;
  }
  return positions;
}

}  // namespace

absl::StatusOr<std::int64_t> LogRecords::Next() const {
  return file_.Number("SELECT coalesce(max(id), 0) + 1 FROM _mirror_lineage");
}

absl::StatusOr<std::optional<LogPositions>> LogRecords::Find(const std::string& token) const {
  sqlite::Statement query =
      file_.Query("SELECT positions FROM _mirror_lineage WHERE token = ?1 AND id >= ?2");
  ASSIGN_OR_RETURN(const bool row, query.With(token, first_).Step());
  return row ? std::optional(Split(query.Text(0))) : std::nullopt;
}

absl::StatusOr<LogPositions> LogRecords::Sent() const {
  LogPositions sent;
  sqlite::Statement query = file_.Query("SELECT positions FROM _mirror_lineage ORDER BY id");
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    for (const auto& [log, lsn] : Split(query.Text(0))) sent[log] = lsn;
  }
  if (!row.ok()) return row.status();
  return sent;
}

absl::StatusOr<LogPositions> LogRecords::SentBefore(std::int64_t before_ms) const {
  LogPositions sent;
  sqlite::Statement query = file_.Query("SELECT positions FROM _mirror_lineage WHERE time_ms < ?1");
  absl::StatusOr<bool> row = query.With(before_ms).Step();
  for (; row.ok() && *row; row = query.Step()) {
    for (const auto& [log, lsn] : Split(query.Text(0))) sent[log] = std::max(sent[log], lsn);
  }
  if (!row.ok()) return row.status();
  return sent;
}

absl::Status LogRecords::Adopt(const std::string& token, std::int64_t log, std::int64_t lsn) {
  // Tables that were sent together have one lineage.
  ASSIGN_OR_RETURN(std::optional<LogPositions> record, Find(token));
  if (record) {
    (*record)[log] = lsn;
    return file_.Query("UPDATE _mirror_lineage SET positions = ?1 WHERE token = ?2")
        .With(Join(*record), token)
        .Run();
  }
  return file_.Query("INSERT INTO _mirror_lineage (token, time_ms, positions) VALUES (?1, ?2, ?3)")
      .With(token, NowMs(), Join({{log, lsn}}))
      .Run();
}

absl::StatusOr<std::string> LogRecords::Begin(const LogPositions& positions) {
  token_.clear();
  seen_.clear();
  RETURN_IF_ERROR(Write(positions));
  return token_;
}

absl::StatusOr<std::string> LogRecords::Cover(std::int64_t log, std::int64_t lsn) {
  ASSIGN_OR_RETURN(const std::int64_t version, OthersVersion());
  const auto recorded = recorded_.find(log);
  const bool covered = version == recorded_version_ && recorded != recorded_.end() && recorded->second == lsn;
  if (!covered) {
    RETURN_IF_ERROR(Write({{log, lsn}}));
  }
  return token_;
}

absl::StatusOr<std::int64_t> LogRecords::OthersVersion() const { return file_.Number("PRAGMA data_version"); }

absl::Status LogRecords::See(const SqliteFile& file, std::int64_t log) {
  auto seen = seen_.find(log);
  if (seen == seen_.end()) {
    // What stood there before the last record goes with it.
    const auto recorded = recorded_.find(log);
    std::int64_t from = recorded == recorded_.end() ? 0 : recorded->second;
    if (recorded == recorded_.end()) {
      ASSIGN_OR_RETURN(from, file.Number(absl::StrCat("SELECT max(seq) FROM main.", LogName(log))));
    }
    seen = seen_.emplace(log, LogPrefix(LogName(log), from)).first;
  }
  return seen->second.See(file);
}

absl::Status LogRecords::CheckNotRestored(const LogPositions& positions) {
  if (token_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool there,
                   file_.Query("SELECT 1 FROM _mirror_lineage WHERE token = ?1").With(token_).Step());
  if (!there) return absl::AbortedError("the source was restored while it was read");
  for (const auto& [log, lsn] : positions) {
    const auto seen = seen_.find(log);
    if (seen == seen_.end()) continue;
    RETURN_IF_ERROR(seen->second.Check(file_));
  }
  return absl::OkStatus();
}

absl::Status LogRecords::Write(const LogPositions& positions) {
  // Taken before the record: a commit that comes between is not covered by it.
  ASSIGN_OR_RETURN(const std::int64_t version, OthersVersion());
  const std::string token = NewToken();
  RETURN_IF_ERROR(file_.Change([&]() -> absl::Status {
    RETURN_IF_ERROR(CheckNotRestored(positions));
    RETURN_IF_ERROR(with_records_ ? with_records_() : absl::OkStatus());
    return file_.Query("INSERT INTO _mirror_lineage (token, time_ms, positions) VALUES (?1, ?2, ?3)")
        .With(token, NowMs(), Join(positions))
        .Run();
  }));
  for (const auto& [log, lsn] : positions) {
    if (const auto seen = seen_.find(log); seen != seen_.end()) seen->second.Settle();
  }
  token_ = token;
  recorded_ = positions;
  recorded_version_ = version;
  return absl::OkStatus();
}

absl::Status LogRecords::Forget(const std::set<std::string>& shown, std::int64_t before_ms) {
  ASSIGN_OR_RETURN(
      const std::int64_t records,
      file_.Number(absl::StrCat("SELECT count(*) FROM _mirror_lineage WHERE time_ms < ", before_ms)));
  if (records == 0) return absl::OkStatus();
  std::set<std::int64_t> sent, unneeded;
  sqlite::Statement query =
      file_.Query("SELECT id, token, time_ms, positions FROM _mirror_lineage ORDER BY id DESC");
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    bool needed = shown.contains(query.Text(1)) || query.Int(2) >= before_ms;
    for (const auto& [log, lsn] : Split(query.Text(3))) needed = sent.insert(log).second || needed;
    if (!needed) unneeded.insert(query.Int(0));
  }
  auto next = unneeded.begin();
  while (next != unneeded.end()) {
    auto at = next;
    RETURN_IF_ERROR(file_.Change([&] {
      absl::Status removed;
      at = next;
      for (std::int64_t i = 0; i < kRecordsPerTrim && at != unneeded.end() && removed.ok(); ++i, ++at) {
        removed = file_.Query("DELETE FROM _mirror_lineage WHERE id = ?1").With(*at).Run();
      }
      return removed;
    }));
    next = at;
  }
  return absl::OkStatus();
}

}  // namespace mirror
