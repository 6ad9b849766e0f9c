#include "proto/wire/import_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

#include "mirror/v1/import.pb.h"
#include "tests/support/status_matchers.h"

namespace mirror::import_codec_test {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kColumns = {"id", "name", "line"};

RowBlock Rows(std::size_t count = 2) {
  RowBlock block = RowBlock::ForAll(ImportTable(kColumns));
  for (std::size_t i = 0; i < count; ++i) {
    block.columns[0].AppendBytes("0053");
    block.columns[1].AppendNull();
    block.columns[2].AppendBytes("");
    block.columns[3].AppendInt(static_cast<std::int64_t>(i) + 2);
    if (i == 0) {
      block.columns[4].AppendBytes(std::string("\x05", 1), Kind::kBlob);
    } else {
      block.columns[4].AppendNull();
    }
  }
  return block;
}

std::string Header() { return EncodeFrame(ImportHeader{kColumns, true}); }
ImportRejects Reject() {
  return {1, {{7, "it has 2 fields, the header 3", "x,\xff\n", std::string("x\0\xff\0", 4)}}};
}

std::string Framed(const v1::ImportFrame& message) {
  const std::string bytes = message.SerializeAsString();
  std::string frame;
  for (int i = 0; i < 4; ++i) frame.push_back(static_cast<char>(bytes.size() >> (8 * i)));
  return frame + bytes;
}

/// Of the last frame that can be read.
absl::Status ReadAll(const std::string& bytes) {
  ImportFrames frames;
  frames.Append(bytes);
  for (;;) {
    const absl::StatusOr<std::optional<ImportPiece>> piece = frames.Next();
    if (!piece.ok()) return piece.status();
    if (!piece->has_value()) return absl::OkStatus();
  }
}

TEST(ImportCodecTest, EachPieceComesAsItWentByteByByte) {
  const std::string bytes = Header() + EncodeFrame(ImportProgress{10, 90}) + EncodeFrame(Reject()) +
                            EncodeFrame(Rows(), 1) +
                            EncodeFrame(ImportEnd{ImportOutcome::kFailed, "the disk", 2, 1});
  ImportFrames frames;
  std::vector<std::size_t> kinds;
  for (const char byte : bytes) {
    frames.Append(std::string_view(&byte, 1));
    const absl::StatusOr<std::optional<ImportPiece>> piece = frames.Next();
    ASSERT_THAT(piece, IsOk());
    if (!piece->has_value()) continue;
    kinds.push_back((*piece)->index());
    if (const auto* header = std::get_if<ImportHeader>(&**piece)) {
      EXPECT_EQ(header->columns, kColumns);
      EXPECT_TRUE(header->workbook);
    } else if (const auto* rows = std::get_if<ImportRows>(&**piece)) {
      EXPECT_EQ(rows->seq, 1U);
      ASSERT_EQ(rows->batch.row_count, 2U);
      EXPECT_EQ(rows->Text(0, 0), "0053");
      EXPECT_EQ(rows->Text(0, 1), std::nullopt);
      EXPECT_EQ(rows->Text(0, 2), "");
      EXPECT_EQ(rows->Line(1), 3U);
      EXPECT_TRUE(rows->IsNoText(0, 0));
      EXPECT_FALSE(rows->IsNoText(0, 1));
      EXPECT_TRUE(rows->IsNoText(0, 2));
      EXPECT_FALSE(rows->IsNoText(1, 0));
    } else if (const auto* rejects = std::get_if<ImportRejects>(&**piece)) {
      ASSERT_EQ(rejects->rejects.size(), 1U);
      EXPECT_EQ(rejects->before_seq, 1U);
      EXPECT_EQ(rejects->rejects[0].line, 7U);
      EXPECT_EQ(rejects->rejects[0].reason, "it has 2 fields, the header 3");
      EXPECT_EQ(rejects->rejects[0].raw, "x,\xff\n");
      EXPECT_EQ(rejects->rejects[0].CountCells(), 2U);
      EXPECT_EQ(rejects->rejects[0].Cell(0), "x");
      EXPECT_EQ(rejects->rejects[0].Cell(1), "\xff");
      EXPECT_EQ(rejects->rejects[0].Cell(2), std::nullopt);
    } else if (const auto* progress = std::get_if<ImportProgress>(&**piece)) {
      EXPECT_EQ(progress->bytes_read, 10U);
      EXPECT_EQ(progress->bytes_total, 90U);
    } else {
      const auto& end = std::get<ImportEnd>(**piece);
      EXPECT_EQ(end.outcome, ImportOutcome::kFailed);
      EXPECT_EQ(end.reason, "the disk");
    }
  }
  EXPECT_THAT(kinds, testing::ElementsAre(0U, 3U, 2U, 1U, 4U));
}

TEST(ImportCodecTest, AColumnOfTheFileMayHaveAnyName) {
  const TableSchema table = ImportTable({"line", "LINE_", "no_texts"});
  EXPECT_THAT(CheckTable(table), IsOk());
  EXPECT_EQ(table.columns[3].name, "line__");
}

TEST(ImportCodecTest, AHeaderIsSomethingThatAMapperCanUse) {
  const auto check = [](std::vector<std::string> columns) {
    return CheckImportHeader({std::move(columns), false});
  };
  EXPECT_THAT(check({"a", "b"}), IsOk());
  EXPECT_THAT(check({}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(check({"a", ""}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("column 2 of the header has no name")));
  EXPECT_THAT(check({"Ort", "x", "ORT"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("columns 1 and 3 of the header have the same name")));
  EXPECT_THAT(check(std::vector<std::string>(kImportColumnsMax + 1, "a")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 2,000 columns")));
  EXPECT_THAT(check({std::string(129, 'a')}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(check({"\xff"}), StatusIs(absl::StatusCode::kInvalidArgument));
}

struct HostileCase {
  std::string name, bytes, reason;
};

v1::ImportFrame RowsFrame(const std::function<void(v1::ChangeBatch&)>& change) {
  v1::ImportFrame frame;
  frame.ParseFromString(EncodeFrame(Rows(), 1).substr(4));
  change(*frame.mutable_rows()->mutable_batch());
  return frame;
}

std::vector<HostileCase> HostileCases() {
  const std::string rows = EncodeFrame(Rows(), 1),
                    done = EncodeFrame(ImportEnd{ImportOutcome::kDone, "", 2, 0});
  v1::ImportFrame many;
  for (int i = 0; i < 10'000; ++i) many.mutable_rows()->mutable_batch()->add_columns();
  v1::ImportFrame reject;
  reject.mutable_rejects()->set_before_seq(1);
  reject.mutable_rejects()->add_rejects()->set_line(1);
  v1::ImportFrame large = RowsFrame([](v1::ChangeBatch& batch) {
    auto* const value = batch.mutable_columns(0)->add_large();
    value->set_value_id(1);
    value->set_size(9);
    batch.mutable_columns(0)->set_lengths(0, 0);
    batch.mutable_columns(0)->set_data("0053");
  });
  return {
      {"RowsFirst", rows, "the first frame is not a header"},
      {"TwoHeaders", Header() + Header(), "a second header"},
      {"Length", std::string("\xff\xff\xff\x7f", 4), "too large"},
      {"Nothing", std::string(4, '\0'), "not a header"},
      {"NothingBehindAHeader", Header() + std::string(4, '\0'), "holds nothing"},
      {"Garbage", Header() + std::string("\x02\0\0\0zz", 6), "not a message"},
      {"UnknownField", Header() + std::string("\x02\0\0\0\x78\x01", 6), "not a message"},
      {"ManyParts", Header() + Framed(many), "too many parts"},
      {"Gap", Header() + EncodeFrame(Rows(), 2), "out of their order"},
      {"Again", Header() + rows + rows, "out of their order"},
      {"TooManyRows", Header() + EncodeFrame(Rows(kImportBatchRowsMax + 1), 1), "the limit is"},
      {"NoRows", Header() + Framed(RowsFrame([](v1::ChangeBatch& batch) {
                   batch.clear_columns();
                   batch.set_row_count(0);
                 })),
       "without rows"},
      {"NoLine",
       Header() + Framed(RowsFrame([](v1::ChangeBatch& batch) { batch.mutable_columns(3)->set_ints(1, 0); })),
       "no line"},
      {"Marks", Header() + Framed(RowsFrame([](v1::ChangeBatch& batch) {
                  batch.mutable_columns(4)->set_data("ab");
                  batch.mutable_columns(4)->set_lengths(0, 2);
                })),
       "the marks of a row"},
      {"NoUtf8", Header() + Framed(RowsFrame([](v1::ChangeBatch& batch) {
                   batch.mutable_columns(0)->set_data("\xff\xff\xff\xff\x30\x30\x35\x33");
                 })),
       "UTF-8"},
      {"ColumnOrder", Header() + Framed(RowsFrame([](v1::ChangeBatch& batch) {
                        batch.mutable_columns()->SwapElements(0, 1);
                      })),
       "out of their order"},
      {"Delete", Header() + Framed(RowsFrame([](v1::ChangeBatch& batch) {
                   batch.set_operation(v1::OPERATION_DELETE);
                 })),
       "key"},
      {"Elsewhere", Header() + Framed(large), "a value is in 'large'"},
      {"RejectWithoutReason", Header() + Framed(reject), "a reject without"},
      {"RejectsLate", Header() + rows + EncodeFrame(Reject()), "rejects are out"},
      {"ProgressBack", Header() + EncodeFrame(ImportProgress{5, 9}) + EncodeFrame(ImportProgress{4, 9}),
       "progress"},
      {"ProgressOver", Header() + EncodeFrame(ImportProgress{10, 9}), "progress"},
      {"OtherCounts", Header() + rows + EncodeFrame(ImportEnd{ImportOutcome::kDone, "", 3, 0}),
       "wrong counts"},
      {"NoReason", Header() + EncodeFrame(ImportEnd{ImportOutcome::kFailed, "", 0, 0}), "without a reason"},
      {"NoOutcome", Header() + EncodeFrame(ImportEnd{ImportOutcome{}, "", 0, 0}), "does not say how"},
      {"DoneWithoutHeader", EncodeFrame(ImportEnd{ImportOutcome::kDone, "", 0, 0}), "does not fit"},
      {"StartedAndCouldNot", Header() + EncodeFrame(ImportEnd{ImportOutcome::kCouldNotStart, "x", 0, 0}),
       "does not fit"},
      {"BehindTheEnd", Header() + rows + done + "x", "after the end"},
      {"SameNames", EncodeFrame(ImportHeader{{"a", "A"}, false}), "the same name"},
  };
}

class HostileFrames : public testing::TestWithParam<HostileCase> {};

TEST_P(HostileFrames, AreRefused) {
  EXPECT_THAT(ReadAll(GetParam().bytes),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().reason)));
}

INSTANTIATE_TEST_SUITE_P(Import, HostileFrames, testing::ValuesIn(HostileCases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace mirror::import_codec_test
