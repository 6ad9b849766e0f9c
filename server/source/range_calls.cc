// DigestRanges and ReadRows of the SourceCalls: a source reads what the mirror holds.

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/codec.h"
#include "proto/wire/limits.h"
#include "server/source/source_calls.h"

namespace mirror {
namespace {

/// The approximate size of one message of ReadRows.
constexpr std::size_t kBlockBytes = 1'000'000;
/// How often a reading tells the tenant that it is at work.
constexpr std::chrono::seconds kSignOfLife{10};

absl::StatusOr<std::vector<KeyRange>> DecodeRanges(
    const google::protobuf::RepeatedPtrField<v1::KeyRange>& messages, const TableSchema& table) {
  if (!messages.empty() && table.Key().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", table.name, "' has no key. Nothing was read. Ask without ranges."));
  }
  if (HasHashedKey(table)) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", table.name,
                     "' has a key that is hashed here: it is compared by its number of rows. Nothing was "
                     "read. Send row_count with ReplicationCompleted."));
  }
  std::vector<KeyRange> ranges;
  ranges.reserve(static_cast<std::size_t>(messages.size()));
  for (const v1::KeyRange& message : messages) {
    ASSIGN_OR_RETURN(KeyRange range, DecodeKeyRange(message, table));
    ranges.push_back(std::move(range));
  }
  return ranges;
}

absl::Status CheckCount(int ranges) {
  if (static_cast<std::uint32_t>(ranges) <= kDigestRangesMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(ranges, " ranges; the limit is ", kDigestRangesMax,
                                                   ". Nothing was read. Ask in several calls."));
}

/// Continues until the source hangs up, and keeps its cycle alive.
class Reading {
 public:
  Reading(Tenant& tenant, std::int64_t cycle, const SourceCall& call)
      : tenant_(tenant), cycle_(cycle), call_(call) {}
  ~Reading() { tenant_.ReadOn(cycle_, came_ms_, began_); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  bool GoOn() {
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ > kSignOfLife) {
      told_ = now;
      tenant_.ReadOn(cycle_, came_ms_, began_);
    }
    return !call_.HasLeft();
  }

 private:
  Tenant& tenant_;
  const std::int64_t cycle_;
  const SourceCall& call_;
  const std::int64_t came_ms_ = SharedNowMs();
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_ = began_;
};

/// Returns the kept table's indexes for those of the request, which are of the announced table.
absl::StatusOr<std::vector<std::uint32_t>> KeptColumns(const v1::ReadRowsRequest& request,
                                                       const AgreedTable& agreed) {
  const TableSchema& table = *agreed.schema;
  std::vector<bool> named(table.columns.size());
  std::vector<std::uint32_t> columns;
  for (const std::uint32_t column : request.columns()) {
    if (column >= named.size() || named[column]) {
      return absl::InvalidArgumentError(absl::StrCat(
          "table '", table.name, "': column ", column,
          " is not there or named twice. Nothing was read. Name columns of the table, each once."));
    }
    named[column] = true;
    if (table.columns[column].rule != Rule::kPlain) {
      return absl::InvalidArgumentError(absl::StrCat("table '", table.name, "', column '",
                                                     table.columns[column].name,
                                                     "' is not kept as it was sent: TableSchema's answer "
                                                     "says its rule. Nothing was read. Ask without it."));
    }
    const auto place = std::find(agreed.origin.begin(), agreed.origin.end(), column) - agreed.origin.begin();
    columns.push_back(static_cast<std::uint32_t>(place));
  }
  if (!columns.empty()) return columns;
  return absl::InvalidArgumentError(
      absl::StrCat("table '", table.name, "': no column is named. Nothing was read. Name at least one."));
}

}  // namespace

absl::Status SourceCalls::DigestRanges(SourceCall& call, const v1::DigestRangesRequest& request,
                                       v1::DigestRangesResponse* response) {
  const Caller& caller = call.caller();
  ASSIGN_OR_RETURN(const Served served, Serve(caller));
  RETURN_IF_ERROR(CheckCount(request.ranges_size()));
  Tenant& tenant = *served.tenant;
  const Position position = DecodePosition(request.position());
  const absl::StatusOr<TableReading> table =
      tenant.Read(caller, request.cycle(), request.table(), position, SharedNowMs());
  if (!table.ok()) return table.status();
  ASSIGN_OR_RETURN(const std::vector<KeyRange> ranges, DecodeRanges(request.ranges(), *table->table.kept));
  Reading reading(tenant, request.cycle(), call);
  ASSIGN_OR_RETURN(const std::vector<RangeDigest> digests,
                   table->snapshot->Digest(*table->table.kept, PlainColumns(*table->table.kept), ranges,
                                           [&] { return reading.GoOn(); }));
  RETURN_IF_ERROR(call.AdmitAgain());
  tenant.NoteDigests(request.cycle(), request.table(), position, ranges, digests);
  for (const RangeDigest& digest : digests) {
    v1::DigestRangesResponse::Digest* const message = response->add_digests();
    message->set_row_count(digest.rows);
    message->set_digest(digest.sum);
  }
  return absl::OkStatus();
}

absl::Status SourceCalls::ReadRows(SourceCall& call, const v1::ReadRowsRequest& request,
                                   const Send<v1::ReadRowsResponse>& send) {
  const Caller& caller = call.caller();
  ASSIGN_OR_RETURN(const Served served, Serve(caller));
  RETURN_IF_ERROR(CheckCount(request.ranges_size()));
  Tenant& tenant = *served.tenant;
  const absl::StatusOr<TableReading> table = tenant.Read(caller, request.cycle(), request.table(),
                                                         DecodePosition(request.position()), SharedNowMs());
  if (!table.ok()) return table.status();
  ASSIGN_OR_RETURN(const std::vector<std::uint32_t> columns, KeptColumns(request, table->table));
  ASSIGN_OR_RETURN(const std::vector<KeyRange> ranges, DecodeRanges(request.ranges(), *table->table.kept));
  Reading reading(tenant, request.cycle(), call);
  return table->snapshot->ReadRows(
      *table->table.kept, columns, ranges, kBlockBytes, [&] { return reading.GoOn(); },
      [&](RowBlock* block) {
        RETURN_IF_ERROR(call.AdmitAgain());
        v1::ReadRowsResponse message;
        EncodeRows(*block, &message);
        for (v1::ColumnData& column : *message.mutable_columns()) {
          column.set_column(table->table.origin[column.column()]);
        }
        return send(message) ? absl::OkStatus() : absl::CancelledError("the source went away");
      });
}

}  // namespace mirror
