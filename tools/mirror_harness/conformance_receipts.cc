// Requirements on receipts, for endpoints that support them. Receipts must say what was sent, and the
// endpoint cannot withdraw them.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/wire/codec.h"
#include "proto/wire/receipt.h"
#include "proto/wire/receipt_codec.h"
#include "tools/mirror_harness/conformance.h"

namespace mirror::harness {
namespace {

constexpr char kReceipt[] = "change_batch.proto, BatchResult.receipt";
constexpr char kSigned[] = "mirror_client.proto, signed_receipts and signed_response";

using Int = std::int64_t;

/// Ends the examination if the endpoint does not support receipts, which are optional.
void NeedsReceipts(const v1::AuthenticateResponse& answer) {
  const auto& capabilities = answer.capabilities();
  if (std::find(capabilities.begin(), capabilities.end(), "receipts") == capabilities.end()) {
    throw NotExamined{"the endpoint's capabilities do not include 'receipts'"};
  }
}

Receipt Parsed(const std::string& text) {
  const absl::StatusOr<Receipt> receipt = ParseReceipt(text);
  Expect(receipt.ok(), absl::StrCat("this is not a receipt: '", text, "'"));
  return *receipt;
}

SignedHead HeadOf(Exam& exam, const std::string& token) {
  const absl::StatusOr<SignedHead> head = exam.client().OpenReceiptHead(token);
  Expect(head.ok(), std::string(head.status().message()));
  return *head;
}

std::vector<Requirement> Contents() {
  return {
      {"receipts.content",
       "The receipt of a commit says what was sent: table, cycle, position, rows, content.", kReceipt,
       [](Exam& exam) {
         NeedsReceipts(exam.Begin());
         const TableSchema table = ExamPeople("receipt_content");
         const v1::ChangeBatch batch = exam.Population(
             table, exam.Announce(table), {{Int{1}, std::string("Ada"), Int{36}}, {Int{2}, Null{}, Int{45}}});
         const Receipt receipt = Parsed(exam.Apply(batch).receipt());
         Expect(receipt.context_id == exam.context_id() && receipt.table == table.name &&
                    receipt.cycle == exam.cycle() && receipt.populated && receipt.batches == 1 &&
                    receipt.position == DecodePosition(batch.commit().position()),
                "the receipt is for another commit");
         Expect(receipt.inserts == 2 && receipt.updates == 0 && receipt.deletes == 0, "its counts are wrong");
         Expect(receipt.content == AddContent("", BatchDigest(batch)),
                "its content differs from the rows that were sent");
       }},
      {"receipts.batches",
       "Only the commit has a receipt, which covers all batches of the table in the cycle.", kReceipt,
       [](Exam& exam) {
         NeedsReceipts(exam.Begin());
         const TableSchema table = ExamPeople("receipt_batches");
         v1::ChangeBatch first =
             exam.Population(table, exam.Announce(table), {{Int{1}, std::string("x"), Int{1}}});
         v1::ChangeBatch last = first;
         first.clear_commit();
         last.set_seq(2);
         last.clear_planned();
         last.clear_populate();
         last.mutable_columns(0)->set_ints(0, 2);
         last.mutable_commit()->set_batches(2);
         Expect(exam.Apply(first).receipt().empty(), "a batch without a commit has a receipt");
         const Receipt receipt = Parsed(exam.Apply(last).receipt());
         Expect(receipt.batches == 2 && receipt.inserts == 2, "its counts are wrong");
         Expect(receipt.content == AddContent(AddContent("", BatchDigest(first)), BatchDigest(last)),
                "its content differs from the rows that were sent");
       }},
  };
}

std::vector<Requirement> Chain() {
  return {
      {"receipts.chain", "Each receipt names the hash of the one before it, and has the next number.",
       kReceipt,
       [](Exam& exam) {
         NeedsReceipts(exam.Begin());
         const TableSchema one = ExamPeople("receipt_one"), two = ExamPeople("receipt_two");
         const std::vector<v1::TableStatus> at = exam.Announce(std::vector{one, two});
         const std::string first =
             exam.Apply(exam.Population(one, at[0], {{Int{1}, Null{}, Null{}}})).receipt();
         const std::string second =
             exam.Apply(exam.Population(two, at[1], {{Int{1}, Null{}, Null{}}})).receipt();
         Expect(Parsed(second).number == Parsed(first).number + 1, "the second receipt's number is wrong");
         Expect(Parsed(second).previous == HashOf(first),
                "the second receipt does not name the first one's hash");
       }},
      {"receipts.signed", "ReplicationCompleted signs the last receipt with the application's key.", kSigned,
       [](Exam& exam) {
         NeedsReceipts(exam.Begin());
         const TableSchema table = ExamPeople("receipt_signed");
         const std::string text =
             exam.Apply(exam.Population(table, exam.Announce(table), {{Int{1}, Null{}, Null{}}})).receipt();
         v1::ReplicationCompletedRequest request;
         request.set_cycle(exam.cycle());
         const auto answer = exam.client().ReplicationCompleted(request);
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "ReplicationCompleted");
         const SignedHead head = HeadOf(exam, answer->signed_receipts());
         Expect(head.number == Parsed(text).number && head.sha256 == HexOf(HashOf(text)),
                "the signed receipt is not the last one");
       }},
      {"receipts.tail",
       "Authenticate signs the last receipt of a cycle that died, and returns those that the source lacks.",
       kSigned,
       [](Exam& exam) {
         NeedsReceipts(exam.Begin());
         const TableSchema table = ExamPeople("receipt_tail");
         const std::string text =
             exam.Apply(exam.Population(table, exam.Announce(table), {{Int{1}, Null{}, Null{}}})).receipt();
         const absl::StatusOr<v1::AuthenticateResponse> answer =
             exam.client().Authenticate("conformance", true, false, {Parsed(text).number - 1, ""});
         ExpectStatus(answer.status(), absl::StatusCode::kOk, "Authenticate");
         Expect(answer->accepted(), "the holder's own cycle was not taken over");
         Expect(answer->receipts_size() == 1 && answer->receipts(0) == text,
                "the receipt after receipts_after was not returned unchanged");
         Expect(HeadOf(exam, answer->signed_response()).sha256 == HexOf(HashOf(text)),
                "the signed answer does not name the last receipt");
       }},
  };
}

}  // namespace

std::vector<Requirement> ReceiptRequirements() { return Together({Contents, Chain}); }

}  // namespace mirror::harness
