#include "server/source/request_check.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/codec.h"
#include "proto/wire/heartbeat.h"
#include "proto/wire/limits.h"

namespace mirror {

std::uint32_t PartBytesMax(const WireLimits& limits) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(kPartBytesMax, limits.message_bytes_max / 2));
}

absl::Status CheckPosition(const std::string& what, bool given, const v1::Position& position) {
  if (!given || position.lsn() < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " must be given, with an LSN of 0 or more. Nothing was done. Send it as the protocol says."));
  }
  if (position.lineage().size() > kLineageBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("the lineage of ", what, " is over ", kLineageBytesMax,
                                                   " bytes. Nothing was done. Send a shorter one."));
  }
  return absl::OkStatus();
}

absl::Status CheckSourceTime(std::int64_t time_ms) {
  if (time_ms >= 0 && time_ms <= kSourceTimeMsMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "'source_time_ms' is not a time in unix milliseconds. Nothing was done. Send the source's own time, or "
      "0.");
}

namespace {

/// Checks a text that must be given.
absl::Status CheckText(const char* what, const std::string& text, std::size_t bytes_max) {
  if (!text.empty() && text.size() <= bytes_max) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " must have 1 to ", bytes_max, " bytes. Nothing was noted. Send that of the completed cycle."));
}

/// `next`: the state that the refusal left, and what to do.
absl::Status CheckCount(int count, const WireLimits& limits, const char* what, const char* next) {
  if (static_cast<std::uint64_t>(count) <= limits.tables_max) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(count, " ", what, "; the limit is ", limits.tables_max, ". ", next));
}

}  // namespace

absl::StatusOr<Completion> DecodeCompletion(const v1::ReplicationCompletedRequest& request,
                                            const WireLimits& limits) {
  constexpr char kNameOnce[] = "The cycle continues. Name each once.";
  absl::Status status = CheckCount(request.tables_size(), limits, "tables",
                                   "The cycle continues. Name only tables that changed.");
  if (status.ok()) {
    status = CheckCount(request.stale_tables_size(), limits, "stale tables", kNameOnce);
  }
  if (status.ok()) {
    status = CheckCount(request.unsent_tables_size(), limits, "unsent tables", kNameOnce);
  }
  if (status.ok() && request.unsent_reasons_size() > request.unsent_tables_size()) {
    status = absl::InvalidArgumentError(absl::StrCat(
        request.unsent_reasons_size(), " unsent reasons for ", request.unsent_tables_size(),
        " unsent tables. The cycle continues. Send at most one reason for each table, in the order of the "
        "tables."));
  }
  if (status.ok()) status = CheckSourceTime(request.source_time_ms());
  if (!status.ok()) return status;
  Completion completion;
  if (request.source_time_ms() > 0) {
    completion.as_of =
        AllAsOf{request.source_time_ms(), {request.stale_tables().begin(), request.stale_tables().end()}};
  }
  for (int i = 0; i < request.unsent_tables_size(); ++i) {
    const int reason = i < request.unsent_reasons_size() ? static_cast<int>(request.unsent_reasons(i)) : 0;
    completion.unsent.push_back({request.unsent_tables(i), UnsentReasonOf(reason)});
  }
  for (const v1::TableSummary& summary : request.tables()) {
    CompletedTable table{summary.table(), summary.inserts(), summary.updates(), summary.deletes()};
    if (summary.has_row_count()) table.row_count = summary.row_count();
    if (summary.has_digest()) table.digest = summary.digest();
    if (summary.has_position()) table.position = DecodePosition(summary.position());
    if (summary.has_rows_differ()) table.rows_differ = summary.rows_differ();
    completion.tables.push_back(std::move(table));
  }
  return completion;
}

absl::StatusOr<Heartbeat> DecodeHeartbeat(const v1::HeartbeatRequest& request, const WireLimits& limits) {
  RETURN_IF_ERROR(CheckText("'holder'", request.holder(), kHolderBytesMax));
  RETURN_IF_ERROR(CheckText("'source_id'", request.source_id(), kSourceIdBytesMax));
  if (request.age_ms() > static_cast<std::uint64_t>(kHeartbeatAgeMaxMs)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'age_ms' is ", request.age_ms(), "; the limit is ", kHeartbeatAgeMaxMs,
                     ". Nothing was noted. Look at the source again, then send the age of that look."));
  }
  RETURN_IF_ERROR(
      CheckCount(request.stale_tables_size(), limits, "stale tables", "Nothing was noted. Name each once."));
  return Heartbeat{request.cycle(),
                   request.holder(),
                   request.source_id(),
                   static_cast<std::int64_t>(request.age_ms()),
                   {request.stale_tables().begin(), request.stale_tables().end()}};
}

}  // namespace mirror
