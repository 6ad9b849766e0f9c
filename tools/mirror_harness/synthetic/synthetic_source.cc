#include "tools/mirror_harness/synthetic/synthetic_source.h"

#include "proto/wire/codec.h"

namespace mirror::harness {

absl::StatusOr<v1::AuthenticateResponse> SyntheticSource::Authenticate(const std::string& holder,
                                                                       bool take_over, bool probe,
                                                                       const std::string& announced_sha256) {
  absl::StatusOr<v1::AuthenticateResponse> answer =
      client_->Authenticate(holder, take_over, probe, receipts_, {}, announced_sha256);
  if (!answer.ok()) return answer;
  limits_ = answer->limits();
  if (answer->accepted()) cycle_ = answer->cycle();
  return answer;
}

v1::TableSchemaRequest SyntheticSource::Announcement(const std::vector<TableSchema>& tables) const {
  v1::TableSchemaRequest request;
  request.set_cycle(cycle_);
  request.set_source_id(source_id_);
  for (const TableSchema& table : tables) EncodeTable(table, request.add_tables());
  return request;
}

absl::StatusOr<v1::TableSchemaResponse> SyntheticSource::Announce(
    const std::vector<TableSchema>& tables) const {
  return client_->TableSchema(Announcement(tables));
}

v1::RowDataRequest SyntheticSource::Request(const std::vector<v1::ChangeBatch>& batches) const {
  v1::RowDataRequest request;
  request.set_cycle(cycle_);
  request.mutable_batches()->Add(batches.begin(), batches.end());
  return request;
}

absl::StatusOr<v1::ReplicationCompletedResponse> SyntheticSource::Complete(
    const std::vector<v1::TableSummary>& tables) {
  absl::StatusOr<v1::ReplicationCompletedResponse> answer = client_->ReplicationCompleted(Completed(tables));
  if (answer.ok()) Ended(*answer);
  return answer;
}

v1::ReplicationCompletedRequest SyntheticSource::Completed(
    const std::vector<v1::TableSummary>& tables) const {
  v1::ReplicationCompletedRequest request;
  request.set_cycle(cycle_);
  request.mutable_tables()->Add(tables.begin(), tables.end());
  return request;
}

void SyntheticSource::Ended(const v1::ReplicationCompletedResponse& answer) {
  if (answer.signed_receipts().empty()) return;
  const absl::StatusOr<SignedHead> head = client_->OpenReceiptHead(answer.signed_receipts());
  if (head.ok()) receipts_ = {head->number, BytesOfHex(head->sha256, 32).value_or("")};
}

v1::ChangeBatch BatchAt(const std::string& table, const v1::TableStatus& status, std::uint64_t seq,
                        const v1::Position& target, v1::Operation operation) {
  v1::ChangeBatch batch;
  batch.set_table(table);
  batch.set_schema_hash(status.schema_hash());
  batch.set_seq(seq);
  batch.set_base_lsn(status.position().lsn());
  *batch.mutable_target() = target;
  batch.set_operation(operation);
  return batch;
}

void FillBatch(const TableSchema& table, std::vector<std::uint32_t> columns,
               const std::function<void(RowBlock*)>& fill, v1::ChangeBatch* batch) {
  if (columns.empty()) columns = table.AllColumns();
  RowBlock block = RowBlock::For(table, columns);
  fill(&block);
  EncodeRows(block, batch);
}

void AddCommit(v1::ChangeBatch* batch) {
  batch->mutable_commit()->set_batches(batch->seq());
  *batch->mutable_commit()->mutable_position() = batch->target();
}

absl::Status StatusOf(const v1::BatchResult& result) {
  return absl::Status(static_cast<absl::StatusCode>(result.code()), result.message());
}

}  // namespace mirror::harness
