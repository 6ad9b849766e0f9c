#include "server/source/encode_outcome.h"

#include <string>

#include "server/source/source_words.h"

namespace mirror {

void EncodeOutcome(const BatchOutcome& outcome, v1::BatchResult* result) {
  result->set_table(outcome.table);
  result->set_seq(outcome.seq);
  result->set_code(static_cast<int>(outcome.status.code()));  // absl uses google.rpc.Code's numbers.
  if (!outcome.status.ok()) result->set_message(SourceWords(std::string(outcome.status.message())));
  result->set_applied_seq(outcome.applied_seq);
  result->set_durable(outcome.durable);
  result->set_repeated_batch(outcome.repeated);
  result->set_lsn(outcome.lsn.value);
  result->set_held(outcome.held);
  result->set_receipt(outcome.receipt);
  if (outcome.missing_rows.empty()) return;
  result->mutable_missing()->mutable_rows()->Add(outcome.missing_rows.begin(), outcome.missing_rows.end());
  result->mutable_missing()->set_more(outcome.more_missing);
}

void EncodeOutcomes(const std::vector<BatchOutcome>& outcomes, v1::RowDataResponse* response) {
  for (const BatchOutcome& outcome : outcomes) EncodeOutcome(outcome, response->add_results());
}

}  // namespace mirror
