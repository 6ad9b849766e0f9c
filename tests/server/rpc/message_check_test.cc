#include "server/rpc/message_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "mirror/v1/mirror_client.pb.h"
#include "tests/support/status_matchers.h"

namespace mirror::message_check_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  // In slices, as they come from a connection.
  const grpc::Slice slices[] = {grpc::Slice(bytes.substr(0, bytes.size() / 2)),
                                grpc::Slice(bytes.substr(bytes.size() / 2))};
  return {slices, 2};
}

absl::Status Parse(const std::string& bytes, std::uint64_t entries_max, google::protobuf::Message* message) {
  grpc::ByteBuffer buffer = BufferOf(bytes);
  return ParseChecked(&buffer, entries_max, message);
}

v1::TableSchemaRequest Tables(int tables, int columns) {
  v1::TableSchemaRequest request;
  request.set_cycle(5);
  for (int i = 0; i < tables; ++i) {
    v1::Table* table = request.add_tables();
    table->set_name("a name");
    for (int j = 0; j < columns; ++j) table->add_columns()->set_name("a column's name");
  }
  return request;
}

TEST(MessageCheckTest, AMessageIsReadAsItWasWrittenUpToItsLimitOfEntries) {
  const v1::TableSchemaRequest written = Tables(3, 4);
  v1::TableSchemaRequest read;
  ASSERT_THAT(Parse(written.SerializeAsString(), 15, &read), IsOk());
  EXPECT_EQ(read.SerializeAsString(), written.SerializeAsString());
  EXPECT_THAT(Parse(written.SerializeAsString(), 14, &read),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("14"), HasSubstr("TableSchemaRequest"))));
}

TEST(MessageCheckTest, WhatAMessageHeldBeforeIsForgotten) {
  v1::TableSchemaRequest read = Tables(9, 1);
  ASSERT_THAT(Parse("", 0, &read), IsOk());
  EXPECT_EQ(read.tables_size(), 0);
}

TEST(MessageCheckTest, FieldsThatNobodyKnowsAreEntriesToo) {
  std::string unknown;
  for (int i = 0; i < 10; ++i) unknown += std::string("\x7a\x00", 2);  // Field 15, empty.
  v1::RowDataRequest read;
  EXPECT_THAT(Parse(unknown, 10, &read), IsOk());
  EXPECT_THAT(Parse(unknown, 9, &read), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(MessageCheckTest, TextsOfAListAreEntriesHoweverShort) {
  v1::ReplicationCompletedRequest written;
  for (int i = 0; i < 10; ++i) written.add_stale_tables();
  v1::ReplicationCompletedRequest read;
  EXPECT_THAT(Parse(written.SerializeAsString(), 10, &read), IsOk());
  EXPECT_EQ(read.stale_tables_size(), 10);
  EXPECT_THAT(Parse(written.SerializeAsString(), 9, &read),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("ReplicationCompletedRequest")));
}

TEST(MessageCheckTest, LongArraysAndTextsAreNoEntries) {
  v1::RowDataRequest written;
  v1::ColumnData* column = written.add_batches()->add_columns();
  for (int i = 0; i < 100'000; ++i) column->add_lengths(1);
  column->set_data(std::string(100'000, 'x'));
  v1::RowDataRequest read;
  EXPECT_THAT(Parse(written.SerializeAsString(), 2, &read), IsOk());
  EXPECT_EQ(read.batches(0).columns(0).lengths_size(), 100'000);
}

TEST(MessageCheckTest, NumbersOfAnArrayCountAsWhatTheyUnpackTo) {
  v1::RowDataRequest written;
  v1::ColumnData* column = written.add_batches()->add_columns();
  for (int i = 0; i < 1'000; ++i) column->add_lengths(1);  // A byte each, four here.
  for (int i = 0; i < 1'000; ++i) column->add_ints(i);     // Eight here and there, as are the next.
  for (int i = 0; i < 1'000; ++i) column->add_doubles(i);
  std::string bytes = written.SerializeAsString();
  std::uint64_t asked = 0;
  const auto take = [&](absl::Status answer) {
    grpc::ByteBuffer buffer = BufferOf(bytes);
    v1::RowDataRequest read;
    return ParseChecked(&buffer, 10, &read, [&](std::uint64_t more_bytes) {
      asked = more_bytes;
      return answer;
    });
  };
  EXPECT_THAT(take(absl::OkStatus()), IsOk());
  EXPECT_EQ(asked, 1'000 * (2 * 4 - 1) + 2 * 200);
  EXPECT_THAT(take(absl::ResourceExhaustedError("full")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("full")));

  // Each number of an array with a tag of its own is an array, too.
  bytes.clear();
  for (int i = 0; i < 1'000; ++i) bytes += std::string("\x28\x01", 2);  // lengths
  v1::ColumnData unpacked;
  grpc::ByteBuffer buffer = BufferOf(bytes);
  EXPECT_THAT(ParseChecked(&buffer, 10, &unpacked,
                           [&](std::uint64_t more_bytes) {
                             asked = more_bytes;
                             return absl::OkStatus();
                           }),
              IsOk());
  EXPECT_EQ(unpacked.lengths_size(), 1'000);
  EXPECT_EQ(asked, 1'000 * (2 * 4 - 2));
}

TEST(MessageCheckTest, AnArrayThatEndsBehindItsMessageIsInvalid) {
  v1::RowDataRequest read;
  for (const std::string& bytes :
       {std::string("\x1a\x04\x52\x02\x2a\x7f", 6),         // lengths of 127 bytes
        std::string("\x1a\x05\x52\x03\x2a\x01\xff", 7)}) {  // An unfinished number.
    EXPECT_THAT(Parse(bytes, 100, &read), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(MessageCheckTest, WhatIsNoMessageIsInvalidAndSaysOfWhichType) {
  v1::RowDataRequest read;
  for (const std::string& bytes : {std::string("\xff\xff\xff"), std::string("\x1a\x10only", 6),
                                   std::string("\x1a\x04\x0a\x02\xff\xfe", 6),  // A name that is not UTF-8.
                                   std::string(1'000, '\x7b')}) {               // Groups in each other.
    EXPECT_THAT(Parse(bytes, 100, &read),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("RowDataRequest")));
  }
  grpc::ByteBuffer none;
  EXPECT_THAT(ParseChecked(&none, 100, &read),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no message")));
}

}  // namespace
}  // namespace mirror::message_check_test
