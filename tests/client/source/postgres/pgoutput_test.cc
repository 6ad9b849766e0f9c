#include "client/source/postgres/pgoutput.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/value.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::pgoutput::pgoutput_test {
namespace {

using absl::StatusCode;
using postgres::AppendNumber;

/// A message as the server writes it.
class Bytes {
 public:
  explicit Bytes(char kind) : bytes_(1, kind) {}
  template <typename Number>
  Bytes& Add(Number number) {
    AppendNumber(bytes_, number);
    return *this;
  }
  Bytes& Text(std::string_view text) {
    bytes_ += text;
    bytes_ += '\0';
    return *this;
  }
  Bytes& Letter(char letter) {
    bytes_ += letter;
    return *this;
  }
  Bytes& Value(std::string_view text) {
    Letter('t').Add(static_cast<std::int32_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

std::string BeginBytes() {
  return Bytes('B')
      .Add(std::int64_t{0x16B374D848})
      .Add(std::int64_t{1'000'000})
      .Add(std::int32_t{-2})
      .bytes();
}
std::string CommitBytes() {
  return Bytes('C')
      .Add(std::int8_t{0})
      .Add(std::int64_t{10})
      .Add(std::int64_t{20})
      .Add(std::int64_t{0})
      .bytes();
}
std::string EmittedBytes() {
  return Bytes('M').Add(std::int8_t{1}).Add(std::int64_t{7}).Text("mirror").Add(std::int32_t{3}).bytes() +
         std::string("a\0b", 3);
}
std::string RelationBytes() {
  Bytes bytes('R');
  bytes.Add(std::int32_t{16'384}).Text("public").Text("t").Letter('d').Add(std::int16_t{2});
  bytes.Add(std::int8_t{1}).Text("id").Add(std::int32_t{23}).Add(std::int32_t{-1});
  bytes.Add(std::int8_t{0}).Text("v").Add(std::int32_t{1'043}).Add(std::int32_t{14});
  return bytes.bytes();
}
std::string InsertBytes() {
  return Bytes('I')
      .Add(std::int32_t{16'384})
      .Letter('N')
      .Add(std::int16_t{3})
      .Value("1")
      .Letter('n')
      .Value("")
      .bytes();
}
std::string UpdateBytes(bool with_old) {
  Bytes bytes('U');
  bytes.Add(std::int32_t{16'384});
  if (with_old) bytes.Letter('K').Add(std::int16_t{2}).Value("1").Letter('n');
  return bytes.Letter('N').Add(std::int16_t{2}).Value("2").Letter('u').bytes();
}
std::string DeleteBytes(char kind) {
  return Bytes('D').Add(std::int32_t{16'384}).Letter(kind).Add(std::int16_t{1}).Value("1").bytes();
}
std::string TruncateBytes() {
  return Bytes('T')
      .Add(std::int32_t{2})
      .Add(std::int8_t{3})
      .Add(std::int32_t{5})
      .Add(std::int32_t{6})
      .bytes();
}

std::vector<std::string> AllBytes() {
  return {BeginBytes(),
          CommitBytes(),
          EmittedBytes(),
          RelationBytes(),
          InsertBytes(),
          UpdateBytes(true),
          UpdateBytes(false),
          DeleteBytes('K'),
          DeleteBytes('O'),
          TruncateBytes(),
          Bytes('O').Add(std::int64_t{1}).Text("origin").bytes(),
          Bytes('Y').Add(std::int32_t{1}).Text("public").Text("mood").bytes()};
}

/// The one message that these bytes are.
template <typename Kind>
Kind DecodeAs(const std::string& bytes) {
  const absl::StatusOr<Message> message = Decode(bytes);
  EXPECT_THAT(message, IsOk());
  const Kind* const kind = message.ok() ? std::get_if<Kind>(&*message) : nullptr;
  EXPECT_NE(kind, nullptr) << "another kind of message";
  return kind == nullptr ? Kind() : *kind;
}

TEST(Pgoutput, TransactionsAreDecoded) {
  const Begin begin = DecodeAs<Begin>(BeginBytes());
  EXPECT_EQ(begin.commit_lsn, 0x16B374D848U);
  EXPECT_EQ(begin.time_ms, 946'684'801'000);
  EXPECT_EQ(begin.xid, 0xfffffffeU);
  const Commit commit = DecodeAs<Commit>(CommitBytes());
  EXPECT_EQ(commit.commit_lsn, 10U);
  EXPECT_EQ(commit.end_lsn, 20U);
  EXPECT_EQ(commit.time_ms, 946'684'800'000);
}

TEST(Pgoutput, EmittedMessagesAreViewsOfTheirData) {
  const std::string exact = EmittedBytes();
  const absl::StatusOr<Message> message = Decode(exact);
  ASSERT_THAT(message, IsOk());
  const Emitted& emitted = std::get<Emitted>(*message);
  EXPECT_TRUE(emitted.transactional);
  EXPECT_EQ(emitted.lsn, 7U);
  EXPECT_EQ(emitted.prefix, "mirror");
  EXPECT_EQ(emitted.content, std::string_view("a\0b", 3));
  EXPECT_GE(emitted.content.data(), exact.data());
  EXPECT_LE(emitted.content.data() + 3, exact.data() + exact.size());
}

TEST(Pgoutput, RelationsAreDecoded) {
  const Relation relation = DecodeAs<Relation>(RelationBytes());
  EXPECT_EQ(relation.oid, 16'384U);
  EXPECT_EQ(relation.schema, "public");
  EXPECT_EQ(relation.name, "t");
  EXPECT_EQ(relation.identity, 'd');
  ASSERT_EQ(relation.columns.size(), 2U);
  EXPECT_TRUE(relation.columns[0].is_key);
  EXPECT_EQ(relation.columns[0].name, "id");
  EXPECT_EQ(relation.columns[0].modifier, -1);
  EXPECT_FALSE(relation.columns[1].is_key);
  EXPECT_EQ(relation.columns[1].type, 1'043U);
  EXPECT_EQ(relation.columns[1].modifier, 14);
}

TEST(Pgoutput, RowsAreDecoded) {
  const Insert insert = DecodeAs<Insert>(InsertBytes());
  ASSERT_EQ(insert.row.size(), 3U);
  EXPECT_EQ(insert.row[0].kind, Field::Kind::kText);
  EXPECT_EQ(insert.row[1].kind, Field::Kind::kNull);
  EXPECT_EQ(insert.row[2].kind, Field::Kind::kText);
  EXPECT_EQ(insert.row[2].text, "");
  const Update update = DecodeAs<Update>(UpdateBytes(true));
  ASSERT_TRUE(update.old);
  EXPECT_TRUE(update.old_is_key);
  EXPECT_EQ(update.old->size(), 2U);
  EXPECT_EQ(update.row[1].kind, Field::Kind::kUnchanged);
  EXPECT_FALSE(DecodeAs<Update>(UpdateBytes(false)).old);
  EXPECT_TRUE(DecodeAs<Delete>(DeleteBytes('K')).old_is_key);
  EXPECT_FALSE(DecodeAs<Delete>(DeleteBytes('O')).old_is_key);
  const Truncate truncate = DecodeAs<Truncate>(TruncateBytes());
  EXPECT_THAT(truncate.oids, testing::ElementsAre(5, 6));
  EXPECT_TRUE(truncate.cascade);
  EXPECT_TRUE(truncate.restart_identity);
}

TEST(Pgoutput, WhatNothingIsNeededOfIsPassedOver) {
  DecodeAs<Ignored>(Bytes('O').Add(std::int64_t{1}).Text("origin").bytes());
  DecodeAs<Ignored>(Bytes('Y').Add(std::int32_t{1}).Text("public").Text("mood").bytes());
}

TEST(Pgoutput, NoPrefixOfAMessageIsOneAndNoneHasMore) {
  for (const std::string& bytes : AllBytes()) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // A copy of just that size: a read beyond it is one that the sanitizers see.
      const std::vector<char> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_THAT(Decode(std::string_view(exact.data(), exact.size())), StatusIs(StatusCode::kDataLoss))
          << bytes.front() << " of " << size;
    }
    EXPECT_THAT(Decode(bytes + std::string(4, '\0')), StatusIs(StatusCode::kDataLoss)) << bytes.front();
  }
  EXPECT_THAT(Decode("Z"), StatusIs(StatusCode::kDataLoss));
  // Of binary values, which are not asked for.
  EXPECT_THAT(Decode(Bytes('I')
                         .Add(std::int32_t{1})
                         .Letter('N')
                         .Add(std::int16_t{1})
                         .Letter('b')
                         .Add(std::int32_t{0})
                         .bytes()),
              StatusIs(StatusCode::kDataLoss));
}

TEST(Pgoutput, CountsThatLieTakeNoMemory) {
  EXPECT_THAT(Decode(Bytes('T').Add(std::int32_t{-1}).Add(std::int8_t{0}).bytes()),
              StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(Decode(Bytes('I')
                         .Add(std::int32_t{1})
                         .Letter('N')
                         .Add(std::int16_t{1})
                         .Letter('t')
                         .Add(std::int32_t{-1})
                         .bytes()),
              StatusIs(StatusCode::kDataLoss));
}

/// That all views are into the message.
void ExpectInside(const Tuple& tuple, const std::vector<char>& bytes) {
  for (const Field& field : tuple) {
    if (field.text.empty()) continue;
    EXPECT_GE(field.text.data(), bytes.data());
    EXPECT_LE(field.text.data() + field.text.size(), bytes.data() + bytes.size());
  }
}

TEST(Pgoutput, RandomBytesAreRefusedOrDecodedFromWithin) {
  const std::uint64_t seed = TestSeed();
  SCOPED_TRACE(absl::StrCat("MIRROR_TEST_SEED=", seed));
  std::mt19937_64 random(seed);
  const std::vector<std::string> all = AllBytes();
  for (int round = 0; round < 20'000; ++round) {
    const std::string& from = all[random() % all.size()];
    std::vector<char> bytes(from.begin(), from.end());
    for (int flip = static_cast<int>(random() % 4); flip >= 0; --flip)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 8 == 0) bytes.resize(random() % (bytes.size() + 1));
    const absl::StatusOr<Message> message = Decode(std::string_view(bytes.data(), bytes.size()));
    if (!message.ok()) {
      EXPECT_THAT(message, StatusIs(StatusCode::kDataLoss));
      continue;
    }
    if (const auto* const insert = std::get_if<Insert>(&*message)) ExpectInside(insert->row, bytes);
    if (const auto* const update = std::get_if<Update>(&*message)) ExpectInside(update->row, bytes);
    if (const auto* const deleted = std::get_if<Delete>(&*message)) ExpectInside(deleted->old, bytes);
  }
}

}  // namespace
}  // namespace mirror::pgoutput::pgoutput_test
