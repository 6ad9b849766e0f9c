#include "proto/wire/receipt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/codec.h"
#include "proto/wire/receipt_codec.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/batches.h"

namespace mirror::receipt_test {
namespace {

Receipt Example() {
  Receipt receipt;
  receipt.number = 7;
  receipt.context_id = "Cust";
  receipt.table = "contact \"x\" \xc3\xa6";
  receipt.cycle = 1'700'000'000'000;
  receipt.position = {Lsn{42}, std::string("\0\xff", 2)};
  receipt.populated = true;
  receipt.batches = 3;
  receipt.inserts = 1;
  receipt.updates = 2;
  receipt.deletes = 3;
  receipt.content = HashOf("content");
  receipt.previous = HashOf("previous");
  receipt.time_ms = 1'700'000'000'001;
  return receipt;
}

TEST(Receipt, ItsTextSaysAllOfIt) {
  const absl::StatusOr<Receipt> parsed = ParseReceipt(ReceiptText(Example()));
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(*parsed, Example());
  Receipt first = Example();
  first.previous.clear();
  EXPECT_EQ(ParseReceipt(ReceiptText(first)).value(), first);
}

TEST(Receipt, WhatIsNoneIsRefused) {
  const std::string good = ReceiptText(Example());
  EXPECT_FALSE(ParseReceipt("").ok());
  EXPECT_FALSE(ParseReceipt("{}").ok());
  EXPECT_FALSE(ParseReceipt("[]").ok());
  EXPECT_FALSE(ParseReceipt(good.substr(0, good.size() - 1)).ok());
  EXPECT_FALSE(ParseReceipt(good + std::string(kReceiptBytesMax, ' ')).ok());
  for (const char* const member : {"number", "content", "previous", "lineage", "table", "populated"}) {
    std::string wrong = good;
    wrong.replace(wrong.find(absl::StrCat("\"", member, "\":")) + std::string(member).size() + 3, 1, "x");
    EXPECT_FALSE(ParseReceipt(wrong).ok()) << wrong;
  }
}

// The expected hashes of this and the next tests were computed by a program in another language, from the
// words of change_batch.proto.
TEST(BatchDigest, IsAsTheContractSays) {
  TableSchema people = Table(
      {MakeColumn("id", Type::kInt64, 1), MakeColumn("name", Type::kText), MakeColumn("age", Type::kInt32)});
  RowBlock block = RowBlock::ForAll(people);
  for (const std::int64_t id : {1, 2}) block.columns[0].AppendInt(id);
  block.columns[1].AppendBytes("Ada");
  block.columns[1].AppendNull();
  for (const std::int64_t age : {36, 45}) block.columns[2].AppendInt(age);
  const v1::ChangeBatch message = Insert(people, block);
  const std::string digest = BatchDigest(message);
  EXPECT_EQ(HexOf(digest), "c2c732b2bd6a2e59936fe3bcda1e0376ac2bb181ff40e08291074037d186904d");
  EXPECT_EQ(BatchDigest(DecodeBatch(message, people, WireLimits{}).value(), {}), digest);

  RowBlock gone = RowBlock::For(people, {0});
  gone.columns[0].AppendInt(1);
  v1::ChangeBatch deletes = Insert(people, gone);
  deletes.set_operation(v1::OPERATION_DELETE);
  EXPECT_EQ(HexOf(AddContent(AddContent("", digest), BatchDigest(deletes))),
            "7090c174b8dfdfa35454701cd4881d7dd5b9ad2ff2790983011e9a8808e5e53f");
}

TEST(BatchDigest, OfNoRows) {
  EXPECT_EQ(HexOf(EmptyBatchDigest()), "a536aa3cede6ea3c1f3e0357c3c60e0f216a8c89b853df13b29daa8f85065dfb");
  v1::ChangeBatch message;
  message.set_operation(v1::OPERATION_INSERT);
  EXPECT_EQ(BatchDigest(message), EmptyBatchDigest());
}

TEST(BatchDigest, OfALargeValue) {
  v1::ChangeBatch message;
  message.set_operation(v1::OPERATION_INSERT);
  message.set_row_count(1);
  v1::ColumnData* const column = message.add_columns();
  column->set_column(1);
  column->add_lengths(0);
  v1::LargeValue* const large = column->add_large();
  large->set_value_id(99);
  large->set_size(6);
  EXPECT_EQ(HexOf(WithLargeValues(BatchDigest(message), {HashOf("abcdef")})),
            "dd80f21c8dfd30cad525e888563cc173c96582e3523a0cd6d944b989a9a01be8");
}

TEST(BatchDigest, NamesColumnsAsTheyWereAnnounced) {
  const v1::ChangeBatch message = ThreeContacts();
  ChangeBatch kept = DecodeBatch(message, Contacts(), WireLimits{}).value();
  v1::ChangeBatch sent = message;
  sent.mutable_columns()->DeleteSubrange(1, 1);
  kept.columns.erase(kept.columns.begin() + 1);
  kept.columns[1].column = 1;
  EXPECT_EQ(BatchDigest(kept, {0, 2}), BatchDigest(sent));
  EXPECT_NE(BatchDigest(kept, {}), BatchDigest(sent));
}

TEST(Hex, IsRefusedInAnyOtherForm) {
  EXPECT_EQ(BytesOfHex("00ff", 2), std::string("\0\xff", 2));
  EXPECT_EQ(BytesOfHex("00FF", 2), std::nullopt);
  EXPECT_EQ(BytesOfHex("00f", 2), std::nullopt);
  EXPECT_EQ(BytesOfHex("00fg", 2), std::nullopt);
}

}  // namespace
}  // namespace mirror::receipt_test
