#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "proto/wire/limits.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/sanitizers.h"

// Values over 4 MB: they come in parts, and a server of 200 MB holds them.

namespace mirror::large_values_test {
namespace {

using testing::HasSubstr;

constexpr std::size_t kMegabyte = 1 << 20;
constexpr std::size_t kPart = kPartBytesMax;

#if MIRROR_ADDRESS_SANITIZER || MIRROR_THREAD_SANITIZER
constexpr bool kMeasured = false;  // Sanitizers keep what was freed.
#else
constexpr bool kMeasured = true;
#endif

/// Kilobytes that this process needed at most since Reset().
class MemoryPeak {
 public:
  static void Reset() { std::ofstream("/proc/self/clear_refs") << "5"; }
  static std::int64_t Read(const std::string& field) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind(field, 0) == 0) return std::stoll(line.substr(field.size() + 1));
    }
    return 0;
  }
};

/// Bytes that tell where they belong.
std::string Piece(std::size_t offset, std::size_t size, bool text) {
  std::string piece(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t at = offset + i;
    piece[i] = text ? static_cast<char>('a' + (at * 31 + at / 4'099) % 26)
                    : static_cast<char>((at * 131 + at / 4'099) & 0xff);
  }
  return piece;
}

class LargeValues : public TenantBench {
 protected:
  /// Parts of one value, one call each.
  void SendParts(const std::string& table, std::uint64_t id, std::size_t size, bool text) {
    for (std::size_t offset = 0; offset < size; offset += kPart) {
      const std::string piece = Piece(offset, std::min(kPart, size - offset), text);
      RowRequest request{.cycle = source_->cycle};
      request.parts = {{table, id, offset, piece}};
      const auto outcomes = tenant_->Apply(source_->caller, request, false, source_->now);
      ASSERT_THAT(outcomes, IsOk());
      ASSERT_THAT(*outcomes, testing::IsEmpty()) << (*outcomes)[0].status;
    }
  }
  /// Compares by pieces, so that the test itself stays small.
  void ExpectStored(const std::string& expression, const std::string& table, std::size_t size, bool text) {
    Partner partner(path());
    ASSERT_EQ(partner.One("SELECT length(" + expression + ") FROM " + table),
              Cell(static_cast<std::int64_t>(size)));
    EXPECT_EQ(partner.One("SELECT typeof(" + expression + ") FROM " + table), Cell(text ? "text" : "blob"));
    for (std::size_t offset = 0; offset < size; offset += 7 * kMegabyte) {
      const std::size_t length = std::min<std::size_t>(1'000, size - offset);
      ASSERT_EQ(partner
                    .One("SELECT substr(" + expression + ", " + std::to_string(offset + 1) + ", " +
                         std::to_string(length) + ") FROM " + table)
                    .bytes,
                Piece(offset, length, text));
    }
  }
};

TEST_F(LargeValues, ABlobOf64MegabytesIsStoredPieceByPiece) {
  const TableSchema photos = NamedTable(
      "photos",
      {KeyColumn("id", Type::kInt64), PlainColumn("photo", Type::kBytes), PlainColumn("note", Type::kText)});
  const std::size_t size = 64 * kMegabyte + 17;
  source_->Begin();
  ASSERT_THAT(source_->Announce({photos}), IsOk());
  ASSERT_THAT(
      source_->Send(photos, {.rows = {{2, Blob("small"), "x"}}, .populate = PopulateReason::kMinusOne})
          .status,
      IsOk());
  MemoryPeak::Reset();
  const std::int64_t before = MemoryPeak::Read("VmRSS:");

  SendParts("photos", 1, size, false);
  ASSERT_THAT(source_->Send(photos, {.rows = {{1, Large(1, size), "after it"}}, .seq = 2}).status, IsOk());
  ASSERT_THAT(
      source_
          ->Send(photos,
                 {.operation = Operation::kDelete, .rows = {{2}}, .seq = 3, .commit = Position{Lsn{5}, ""}})
          .status,
      IsOk());

  const std::int64_t grown = MemoryPeak::Read("VmHWM:") - before;
  std::cout << "grown by " << grown / 1'024 << " MB at most\n";
  EXPECT_LT(grown, kMeasured ? 160 * 1'024 : INT64_MAX);
  ExpectStored("photo", "photos", size, false);
  EXPECT_EQ(Partner(path()).One("SELECT note FROM photos"), Cell("after it"));
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM _mirror_parts"), Cell(0));
}

TEST_F(LargeValues, AnUpdateOfABlobAmongOtherColumnsIsStoredToo) {
  TableSchema photos = NamedTable(
      "photos",
      {KeyColumn("id", Type::kInt64), PlainColumn("photo", Type::kBytes), PlainColumn("note", Type::kText)});
  const std::size_t size = 9 * kMegabyte;
  source_->Mirror(photos, {{1, Blob("old"), "x"}}, Position{Lsn{5}, ""});
  source_->Begin();
  ASSERT_THAT(source_->Announce({photos}), IsOk());
  SendParts("photos", 1, size, false);
  ASSERT_THAT(source_
                  ->Send(photos, {.operation = Operation::kUpdate,
                                  .rows = {{1, Large(1, size)}},
                                  .columns = {"id", "photo"},
                                  .base_lsn = 5})
                  .status,
              IsOk());
  ExpectStored("photo", "photos", size, false);
  EXPECT_EQ(Partner(path()).One("SELECT note FROM photos"), Cell("x"));
}

TEST_F(LargeValues, ATextOf64MegabytesInATableWithACompositeKeyIsStored) {
  const TableSchema notes = NamedTable("notes", {KeyColumn("a", Type::kInt32), KeyColumn("b", Type::kText, 2),
                                                 PlainColumn("note", Type::kText)});
  const std::size_t size = 64 * kMegabyte;
  source_->Begin();
  ASSERT_THAT(source_->Announce({notes}), IsOk());
  MemoryPeak::Reset();
  const std::int64_t before = MemoryPeak::Read("VmRSS:");

  SendParts("notes", 7, size, true);
  ASSERT_THAT(source_
                  ->Send(notes, {.operation = Operation::kInsert,
                                 .rows = {{1, "b", Large(7, size, Kind::kText)}},
                                 .populate = PopulateReason::kMinusOne,
                                 .commit = Position{Lsn{5}, ""}})
                  .status,
              IsOk());

  const std::int64_t grown = MemoryPeak::Read("VmHWM:") - before;
  std::cout << "grown by " << grown / 1'024 << " MB at most\n";
  EXPECT_LT(grown, kMeasured ? 160 * 1'024 : INT64_MAX);
  ExpectStored("note", "notes", size, true);
}

TEST_F(LargeValues, ABlobInAColumnThatThePartnerIndexedIsStored) {
  const TableSchema photos =
      NamedTable("photos", {KeyColumn("id", Type::kInt64), PlainColumn("photo", Type::kBytes)});
  const std::size_t size = 5 * kMegabyte;
  source_->Mirror(photos, {{1, Blob("old")}}, Position{Lsn{5}, ""});
  ByHand("CREATE INDEX by_photo ON photos (photo)");
  source_->Begin();
  ASSERT_THAT(source_->Announce({photos}), IsOk());
  SendParts("photos", 1, size, false);

  EXPECT_THAT(source_->Send(photos, {.rows = {{1, Large(1, size)}}, .base_lsn = 5}).status, IsOk());

  ExpectStored("photo", "photos", size, false);
  EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
}

TEST_F(LargeValues, TwoOfOneRowWhereTheBlobIsIndexedAreStoredAndLeaveRoomForOthers) {
  const TableSchema photos =
      NamedTable("photos", {KeyColumn("id", Type::kInt64), PlainColumn("note", Type::kText),
                            PlainColumn("photo", Type::kBytes), PlainColumn("other", Type::kBytes)});
  const std::size_t size = 5 * kMegabyte;
  // An index on any expression keeps SQLite from writing a blob in pieces, too.
  for (const std::string index : {"photos (photo)", "photos (length(note))"}) {
    SCOPED_TRACE(index);
    Restart();
    source_->Mirror(photos, {{1, "old", Blob("old"), Blob("old")}, {2, "old", Blob("old"), Blob("old")}},
                    Position{Lsn{5}, ""});
    ByHand("CREATE INDEX partners ON " + index);
    source_->Begin();
    ASSERT_THAT(source_->Announce({photos}), IsOk());
    SendParts("photos", 1, size, true);
    SendParts("photos", 2, size, false);
    SendParts("photos", 3, size + 1, false);

    // Of the same row, and of the row behind it.
    EXPECT_THAT(source_
                    ->Send(photos, {.rows = {{1, Large(1, size, Kind::kText), Large(2, size), Blob("x")},
                                             {2, "small", Large(2, size), Large(3, size + 1)}},
                                    .base_lsn = 5})
                    .status,
                IsOk());

    ExpectStored("note", "photos WHERE id = 1", size, true);
    ExpectStored("photo", "photos WHERE id = 1", size, false);
    ExpectStored("photo", "photos WHERE id = 2", size, false);
    ExpectStored("other", "photos WHERE id = 2", size + 1, false);
    EXPECT_EQ(Partner(path()).One("PRAGMA integrity_check"), Cell("ok"));
    ASSERT_THAT(source_->Complete(), IsOk());
    ByHand("DROP INDEX partners");
  }
}

TEST_F(LargeValues, PartsOfACycleThatDiedAreForgotten) {
  const TableSchema photos =
      NamedTable("photos", {KeyColumn("id", Type::kInt64), PlainColumn("photo", Type::kBytes)});
  source_->Begin();
  ASSERT_THAT(source_->Announce({photos}), IsOk());
  SendParts("photos", 1, 5 * kMegabyte, false);
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM _mirror_parts"), Cell(2));
  source_->now += 700'000;

  source_->Begin();
  ASSERT_THAT(source_->Announce({photos}), IsOk());

  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM _mirror_parts"), Cell(0));
  const BatchOutcome outcome =
      source_->Send(photos, {.rows = {{1, Large(1, 5 * kMegabyte)}}, .populate = PopulateReason::kMinusOne});
  EXPECT_THAT(outcome.status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("missing parts")));
}

}  // namespace
}  // namespace mirror::large_values_test
