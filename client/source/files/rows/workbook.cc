#include "client/source/files/rows/workbook.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// What stands around the sheets: names, styles.
constexpr std::size_t kSmallPartMax = 16 << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<Workbook>> Workbook::Open(int file, std::uint64_t inflated_max) {
  absl::StatusOr<std::unique_ptr<ZipArchive>> archive = ZipArchive::Open(file);
  if (absl::IsInvalidArgument(archive.status())) {
    return absl::InvalidArgumentError(
        "it is not an Excel workbook (.xlsx); save older formats (.xls) as .xlsx");
  }
  if (!archive.ok()) return archive.status();
  std::unique_ptr<Workbook> book(new Workbook(*std::move(archive), inflated_max));
  for (const auto step :
       {&Workbook::ReadSheets, &Workbook::ReadRelations, &Workbook::ReadStyles, &Workbook::ReadSharedTexts}) {
    if (absl::Status read = (book.get()->*step)(); !read.ok()) return read;
  }
  return book;
}

std::optional<std::string> Workbook::Show(double value, std::size_t style) const {
  return ShowNumber(value, style < styles_.size() ? styles_[style] : Shown::kNumber, from_1904_);
}

absl::StatusOr<std::unique_ptr<XmlPart>> Workbook::OpenSheet(const std::string& name) {
  const auto sheet = std::find_if(sheets_.begin(), sheets_.end(),
                                  [&](const auto& one) { return name.empty() || one.first == name; });
  if (sheet == sheets_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("it has no sheet '", name, "', but ", NameSheets()));
  }
  const auto target = relations_.find(sheet->second);
  if (target == relations_.end()) return absl::InvalidArgumentError("its list of sheets points to no sheet");
  return OpenPart(target->second);
}

std::optional<std::string_view> Workbook::SharedText(std::size_t at) const {
  if (at + 1 >= text_ends_.size()) return std::nullopt;
  return std::string_view(texts_).substr(text_ends_[at], text_ends_[at + 1] - text_ends_[at]);
}

absl::Status Workbook::ReadSheets() {
  absl::StatusOr<std::unique_ptr<XmlPart>> part = OpenPart("xl/workbook.xml");
  if (absl::IsNotFound(part.status()))
    return absl::InvalidArgumentError("it is not an Excel workbook: it has no list of sheets");
  if (!part.ok()) return part.status();
  (*part)->on_begin = [this](std::string_view name, const XML_Char** attributes) {
    if (name == "workbookPr") {
      const std::string_view from = Attribute(attributes, "date1904");
      from_1904_ = from == "1" || from == "true";
    }
    // "id" is that of the relation, "sheetId" another one.
    if (name == "sheet") sheets_.emplace_back(Attribute(attributes, "name"), Attribute(attributes, "id"));
  };
  return (*part)->ReadAll(kSmallPartMax);
}

absl::Status Workbook::ReadRelations() {
  absl::StatusOr<std::unique_ptr<XmlPart>> part = OpenPart("xl/_rels/workbook.xml.rels");
  if (!part.ok()) return part.status();
  (*part)->on_begin = [this](std::string_view name, const XML_Char** attributes) {
    if (name != "Relationship") return;
    const std::string target(Attribute(attributes, "Target"));
    relations_[std::string(Attribute(attributes, "Id"))] =
        target.starts_with('/') ? target.substr(1) : absl::StrCat("xl/", target);
  };
  return (*part)->ReadAll(kSmallPartMax);
}

absl::Status Workbook::ReadStyles() {
  absl::StatusOr<std::unique_ptr<XmlPart>> part = OpenPart("xl/styles.xml");
  if (absl::IsNotFound(part.status())) return absl::OkStatus();  // Then nothing is a date.
  if (!part.ok()) return part.status();
  std::map<int, Shown> formats;
  bool in_cells = false;
  const auto number = [](std::string_view text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  (*part)->on_begin = [&](std::string_view name, const XML_Char** attributes) {
    if (name == "numFmt") {
      formats[number(Attribute(attributes, "numFmtId"))] = ShownBy(Attribute(attributes, "formatCode"));
    } else if (name == "cellXfs") {
      in_cells = true;
    } else if (name == "xf" && in_cells) {
      const int id = number(Attribute(attributes, "numFmtId"));
      const auto own = formats.find(id);
      styles_.push_back(own != formats.end() ? own->second : ShownByNumber(id));
    }
  };
  (*part)->on_end = [&](std::string_view name) { in_cells = in_cells && name != "cellXfs"; };
  return (*part)->ReadAll(kSmallPartMax);
}

absl::Status Workbook::ReadSharedTexts() {
  text_ends_ = {0};
  absl::StatusOr<std::unique_ptr<XmlPart>> part = OpenPart("xl/sharedStrings.xml");
  if (absl::IsNotFound(part.status())) return absl::OkStatus();
  if (!part.ok()) return part.status();
  bool in_text = false, in_phonetic = false;
  (*part)->on_begin = [&](std::string_view name, const XML_Char** /*attributes*/) {
    if (name == "t") in_text = true;
    if (name == "rPh") in_phonetic = true;  // How it is pronounced.
  };
  (*part)->on_text = [&](std::string_view text) {
    if (in_text && !in_phonetic && texts_.size() <= kSharedTextsMax) texts_.append(text);
  };
  (*part)->on_end = [&](std::string_view name) {
    if (name == "t") in_text = false;
    if (name == "rPh") in_phonetic = false;
    if (name == "si") text_ends_.push_back(static_cast<std::uint32_t>(texts_.size()));
  };
  for (;;) {
    const absl::StatusOr<bool> more = (*part)->Step();
    if (!more.ok()) return more.status();
    if (texts_.size() > kSharedTextsMax || text_ends_.size() > kSharedTextsMax / 8) {
      return absl::ResourceExhaustedError(
          absl::StrCat("its shared texts have more than ", kSharedTextsMax >> 20, " MB: save it as CSV"));
    }
    if (!*more) return absl::OkStatus();
  }
}

std::string Workbook::NameSheets() const {
  constexpr std::size_t kNamed = 10;
  std::string names;
  for (std::size_t i = 0; i < std::min(sheets_.size(), kNamed); ++i) {
    absl::StrAppend(&names, i > 0 ? ", '" : "'", sheets_[i].first, "'");
  }
  return sheets_.size() > kNamed ? absl::StrCat(names, " and ", sheets_.size() - kNamed, " more") : names;
}

}  // namespace mirror
