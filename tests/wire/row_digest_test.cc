#include "proto/wire/row_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <string>

#include "proto/wire/codec.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::row_digest_test {
namespace {

using testing::HasSubstr;

std::uint64_t Xxh3(const std::string& bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string Number(char kind, const std::string& lowest_first) {
  std::string bytes(1, kind);
  bytes += lowest_first;
  bytes.resize(9, '\0');
  return bytes;
}

// What mirror_client.proto says, byte by byte: another implementation has nothing else to go by.
TEST(RowDigest, IsXxh3OfTheDocumentedBytes) {
  RowDigest digest;
  digest.AddNull();
  digest.AddInteger(-2);
  digest.AddReal(1.5);
  digest.AddText("h\xc3\xa9");
  digest.AddBytes(std::string("\0\xff", 2));
  const std::string expected = std::string(1, '\0') + Number(1, "\xfe\xff\xff\xff\xff\xff\xff\xff") +
                               Number(2, std::string("\0\0\0\0\0\0\xf8\x3f", 8)) + Number(3, "\x03") +
                               "h\xc3\xa9" + Number(4, "\x02") + std::string("\0\xff", 2);
  EXPECT_EQ(digest.Finish(), Xxh3(expected));
}

TEST(RowDigest, NegativeZeroIsZeroAndKindsAreTold) {
  const auto of = [](auto add) {
    RowDigest digest;
    add(digest);
    return digest.Finish();
  };
  EXPECT_EQ(of([](RowDigest& d) { d.AddReal(-0.0); }), of([](RowDigest& d) { d.AddReal(0.0); }));
  EXPECT_NE(of([](RowDigest& d) { d.AddReal(1); }), of([](RowDigest& d) { d.AddInteger(1); }));
  EXPECT_NE(of([](RowDigest& d) { d.AddText("a"); }), of([](RowDigest& d) { d.AddBytes("a"); }));
  EXPECT_NE(of([](RowDigest& d) { d.AddText(""); }), of([](RowDigest& d) { d.AddNull(); }));
  // Where one value ends and the next begins counts.
  EXPECT_NE(of([](RowDigest& d) {
              d.AddText("ab");
              d.AddText("c");
            }),
            of([](RowDigest& d) {
              d.AddText("a");
              d.AddText("bc");
            }));
}

TEST(RowDigest, AValueInPiecesIsTheSameAsWhole) {
  const std::string value(1'000'000, 'x');
  RowDigest whole, pieces;
  whole.AddInteger(1);
  whole.AddText(value);
  whole.AddInteger(2);
  pieces.AddInteger(1);
  pieces.BeginText(value.size());
  for (std::size_t at = 0; at < value.size(); at += 77'777) {
    pieces.AddPiece(std::string_view(value).substr(at, 77'777));
  }
  pieces.AddInteger(2);
  EXPECT_EQ(whole.Finish(), pieces.Finish());
  // And nothing of it is left behind.
  whole.AddInteger(3);
  pieces.AddInteger(3);
  EXPECT_EQ(whole.Finish(), pieces.Finish());
}

KeyPart Text(std::string bytes) { return {.kind = Kind::kText, .bytes = std::move(bytes)}; }
KeyPart Int(std::int64_t value) { return {.kind = Kind::kInteger, .integer = value}; }
KeyPart Real(double value) { return {.kind = Kind::kReal, .real = value}; }
KeyPart Bytes(std::string bytes) { return {.kind = Kind::kBlob, .bytes = std::move(bytes)}; }

TEST(KeyOrder, IsThatOfTheMirror) {
  const std::vector<KeyPart> ascending = {Int(-5),        Real(-4.5), Int(1),       Real(1.5),
                                          Int(1LL << 60), Text(""),   Text("B"),    Text("a"),
                                          Text("a!"),     Bytes(""),  Bytes("\x01")};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(ascending[i] < ascending[j], i < j) << i << " " << j;
    }
  }
  EXPECT_EQ(Int(3), Real(3.0)) << "one key to SQLite";
  EXPECT_LT((Key{Int(1), Text("z")}), (Key{Int(2), Text("a")}));
}

TEST(KeyRangeCodec, ComesBackAsItWent) {
  const TableSchema pairs = Pairs();
  const KeyRange range{{Int(1), Text("a\xc3\xa9")}, {Int(7), Text("")}};
  v1::KeyRange message;
  EncodeKeyRange(range, &message);
  const auto back = DecodeKeyRange(message, pairs);
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(back->first, range.first);
  EXPECT_EQ(back->last, range.last);
  const auto open = DecodeKeyRange(v1::KeyRange(), pairs);
  ASSERT_THAT(open, IsOk());
  EXPECT_TRUE(open->first.empty() && open->last.empty());
}

TEST(KeyRangeCodec, RefusesWhatIsNoKeyOfTheTable) {
  const auto decode = [](const KeyRange& range) {
    v1::KeyRange message;
    EncodeKeyRange(range, &message);
    return DecodeKeyRange(message, Pairs()).status();
  };
  EXPECT_THAT(decode({{Int(1)}, {}}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 columns")));
  EXPECT_THAT(decode({{Text("1"), Text("a")}, {}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'a'")));
  EXPECT_THAT(decode({{Int(1LL << 40), Text("a")}, {}}), StatusIs(absl::StatusCode::kInvalidArgument))
      << "no INT32";
  EXPECT_THAT(decode({{Int(1), KeyPart{}}, {}}), StatusIs(absl::StatusCode::kInvalidArgument)) << "NULL";
}

TEST(KeyRangeCodec, ADefaultThatIsNoTextIsRefused) {
  v1::Table message;
  EncodeTable(People(), &message);
  message.mutable_columns(1)->mutable_default_value()->set_raw_text_value("\xff");
  EXPECT_THAT(DecodeTable(message, WireLimits{}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'name'")));
}

}  // namespace
}  // namespace mirror::row_digest_test
