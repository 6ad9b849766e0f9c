#include "tools/mirrorctl/row_output.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/json_rows.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

constexpr std::string_view kCsvEnd = "\r\n";
/// Size of the pieces in which the output is passed to the sink.
constexpr std::size_t kPieceBytes = 256 << 10;

void AppendField(std::string_view text, std::string* line) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    line->append(text);
    return;
  }
  line->push_back('"');
  for (const char c : text) {
    if (c == '"') line->push_back('"');
    line->push_back(c);
  }
  line->push_back('"');
}

/// The common part of formats with one line for each row.
class LinesOutput : public RowOutput {
 public:
  absl::Status Write(std::span<const ColumnView> columns, std::uint32_t rows) final {
    for (std::uint32_t row = 0; row < rows; ++row) {
      AppendRow(columns, row, &piece_);
      if (piece_.size() < kPieceBytes) continue;
      RETURN_IF_ERROR(Flush());
    }
    return absl::OkStatus();
  }
  absl::Status End(const ExportNotes& /*notes*/) final { return Flush(); }

 protected:
  explicit LinesOutput(ByteSink sink) : sink_(std::move(sink)) {}
  virtual void AppendRow(std::span<const ColumnView> columns, std::uint32_t row, std::string* piece) = 0;
  std::string& piece() { return piece_; }

 private:
  absl::Status Flush() {
    absl::Status status = piece_.empty() ? absl::OkStatus() : sink_(piece_);
    if (piece_.capacity() > 4 * kPieceBytes) piece_ = std::string();
    piece_.clear();
    return status;
  }

  const ByteSink sink_;
  std::string piece_;
};

class Csv final : public LinesOutput {
 public:
  Csv(const TableSchema& table, ByteSink sink) : LinesOutput(std::move(sink)), table_(table) {}

  absl::Status Begin() override {
    std::string& line = piece();
    for (const Column& column : table_.columns) {
      if (!line.empty()) line.push_back(',');
      AppendField(column.name, &line);
      if (column.type != Type::kAny) continue;
      line.push_back(',');
      AppendField(KindColumn(table_, column), &line);
    }
    line.append(kCsvEnd);
    return absl::OkStatus();
  }

 private:
  void AppendRow(std::span<const ColumnView> columns, std::uint32_t row, std::string* piece) override {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) piece->push_back(',');
      const Column& column = table_.columns[i];
      const Value value = columns[i].At(row);
      if (value.kind != Kind::kNull) AppendValue(column, value, piece);
      if (column.type != Type::kAny) continue;
      piece->push_back(',');
      piece->append(KindWord(value.kind));
    }
    piece->append(kCsvEnd);
  }

  void AppendValue(const Column& column, const Value& value, std::string* piece) {
    if (value.kind == Kind::kText) return AppendField(value.bytes, piece);
    text_.clear();
    AppendText(column, value, &text_);
    AppendField(text_, piece);
  }

  const TableSchema& table_;
  std::string text_;
};

class JsonLines final : public LinesOutput {
 public:
  JsonLines(const TableSchema& table, ByteSink sink)
      : LinesOutput(std::move(sink)), rows_(table, table.AllColumns()) {}

  absl::Status Begin() override { return absl::OkStatus(); }

 private:
  void AppendRow(std::span<const ColumnView> columns, std::uint32_t row, std::string* piece) override {
    rows_.Append(columns, row, piece);
    piece->push_back('\n');
  }

  const JsonRows rows_;
};

}  // namespace

std::string KindColumn(const TableSchema& table, const Column& column) {
  std::string name = absl::StrCat(column.name, "_kind");
  while (table.Find(name)) name.push_back('_');
  return name;
}

std::string_view KindWord(Kind kind) {
  switch (kind) {
    case Kind::kInteger:
      return "integer";
    case Kind::kReal:
      return "real";
    case Kind::kText:
      return "text";
    case Kind::kBlob:
      return "blob";
    case Kind::kRawText:
      return "raw_text";
    case Kind::kNull:
      break;
  }
  return "";
}

void AppendText(const Column& column, const Value& value, std::string* text) {
  if (column.type == Type::kBool) {
    text->append(value.integer != 0 ? "true" : "false");
    return;
  }
  if (HasTextForm(column.type)) {
    text->append(TextForm(column, value.integer, value.bytes));
    return;
  }
  switch (value.kind) {
    case Kind::kNull:
      return;
    case Kind::kInteger:
      AppendInteger(value.integer, text);
      return;
    case Kind::kReal:
      AppendReal(value.real, text);
      return;
    case Kind::kText:
      text->append(value.bytes);
      return;
    case Kind::kBlob:
    case Kind::kRawText:
      text->append(Base64(value.bytes));
      return;
  }
}

std::unique_ptr<RowOutput> CsvOutput(const TableSchema& table, ByteSink sink) {
  return std::make_unique<Csv>(table, std::move(sink));
}

std::unique_ptr<RowOutput> JsonLinesOutput(const TableSchema& table, ByteSink sink) {
  return std::make_unique<JsonLines>(table, std::move(sink));
}

}  // namespace mirror
