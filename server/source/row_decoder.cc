#include "server/source/row_decoder.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/codec.h"
#include "server/plan/column_rules.h"
#include "server/source/encode_outcome.h"
#include "server/source/request_check.h"

namespace mirror {
namespace {

absl::Status CheckPart(const v1::ValuePart& part, const WireLimits& limits) {
  const std::string what = absl::StrCat("table '", part.table(), "', value ", part.value_id());
  const std::uint64_t size = part.data().size();
  if (size == 0 || size > PartBytesMax(limits)) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": a part of ", size,
                                                   " bytes. It was not stored. Send parts "
                                                   "of 1 to ",
                                                   PartBytesMax(limits), " bytes."));
  }
  if (part.offset() > limits.value_bytes_max || size > limits.value_bytes_max - part.offset()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(what, ": larger than ", limits.value_bytes_max,
                     " bytes. This part was not stored. Leave the value out."));
  }
  return absl::OkStatus();
}

/// A part is kept before its value's batch comes: a column that is not to be kept must not come in parts.
absl::Status CheckRules(const v1::ValuePart& part, const absl::StatusOr<AgreedTable>& agreed) {
  // Other faults of its table show when it is planned.
  if (!agreed.ok()) return absl::OkStatus();
  const std::vector<Column>& columns = agreed->schema->columns;
  if (part.has_column() && part.column() >= columns.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("table '", part.table(), "', value ", part.value_id(), ": column index ", part.column(),
                     "; the table has ", columns.size(),
                     " columns. The part was not stored. Give the index of a column as it was agreed."));
  }
  if (PlainColumns(*agreed->schema).size() == columns.size()) return absl::OkStatus();
  const bool named = part.has_column();
  if (named && columns[part.column()].rule == Rule::kPlain) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "table '", part.table(), "'", named ? absl::StrCat(", column '", columns[part.column()].name, "'") : "",
      ": a value came in parts, and ",
      named ? "this endpoint must not keep it as it is" : "no column is named",
      ". The part was not stored. Send the value in its batch, or leave the column out."));
}

/// Returns whether an error is about the batch alone and is its own result; all else is the call's status.
bool IsOfBatch(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) || absl::IsNotFound(status);
}

/// Removes what is not to be kept: no later code sees it.
void ApplyColumnRules(const AgreedTable& agreed, const ColumnRules& rules, IncomingBatch* batch) {
  if (!batch->batch.ok() || PlainColumns(*agreed.schema).size() == agreed.schema->columns.size()) return;
  auto values = std::make_shared<RuledValues>();
  absl::Status ruled =
      ApplyRules(*agreed.schema, *agreed.kept, rules.hash_key(), &*batch->batch, values.get());
  batch->ruled = std::move(values);
  if (!ruled.ok()) batch->batch = std::move(ruled);
}

}  // namespace

absl::Status RowDecoder::Decode(const v1::RowDataRequest& request, RowRequest* decoded,
                                v1::RowDataResponse* response) const {
  const std::uint64_t entries = static_cast<std::uint64_t>(request.batches_size()) +
                                static_cast<std::uint64_t>(request.parts_size()) +
                                static_cast<std::uint64_t>(request.advance().tables_size());
  if (entries > limits_.tables_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat(entries, " batches, parts and tables in one request; the limit is ", limits_.tables_max,
                     ". Nothing was applied. Send smaller requests."));
  }
  RowRequest& rows = *decoded;
  rows.cycle = request.cycle();
  for (const v1::ValuePart& part : request.parts()) {
    absl::Status status = CheckPart(part, limits_);
    if (status.ok()) status = CheckRules(part, tenant_.Agreed(caller_, part.table(), ""));
    if (!status.ok()) {
      BatchOutcome refused;
      refused.table = part.table();
      refused.status = std::move(status);
      EncodeOutcome(refused, response->add_results());
      continue;
    }
    rows.parts.push_back({part.table(), part.value_id(), part.offset(), part.data()});
  }
  rows.batches.reserve(static_cast<std::size_t>(request.batches_size()));
  for (const v1::ChangeBatch& message : request.batches()) {
    absl::StatusOr<AgreedTable> agreed = tenant_.Agreed(caller_, message.table(), message.schema_hash());
    if (!agreed.ok() && !IsOfBatch(agreed.status())) return agreed.status();
    if (!agreed.ok()) {
      rows.batches.push_back({message.table(), message.seq(), nullptr, agreed.status(), {}});
      continue;
    }
    IncomingBatch& batch = rows.batches.emplace_back(
        IncomingBatch{message.table(), message.seq(), agreed->kept,
                      DecodeBatch(message, *agreed->schema, limits_), std::move(agreed->hash)});
    ApplyColumnRules(*agreed, tenant_.column_rules(), &batch);
    if (tenant_.keeps_receipts() && batch.batch.ok()) {
      batch.batch->digest = BatchDigest(*batch.batch, agreed->origin);
    }
  }
  if (request.has_advance()) {
    const v1::Advance& advance = request.advance();
    if (absl::Status status =
            CheckPosition("the position of 'advance'", advance.has_position(), advance.position());
        !status.ok()) {
      return status;
    }
    rows.advance.emplace();
    rows.advance->position = DecodePosition(advance.position());
    RETURN_IF_ERROR(CheckSourceTime(advance.source_time_ms()));
    rows.advance->source_ms = advance.source_time_ms();
    for (const v1::Advance::Table& table : advance.tables()) {
      rows.advance->tables.emplace_back(table.table(), Lsn{table.base_lsn()});
    }
  }
  return absl::OkStatus();
}

}  // namespace mirror
