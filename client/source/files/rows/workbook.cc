#include "client/source/files/rows/workbook.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/files/rows/part_name.h"

namespace mirror {
namespace {

/// What stands around the sheets: names, styles.
constexpr std::size_t kSmallPartMax = 16 << 20;
constexpr char kUsualWorkbook[] = "xl/workbook.xml";

/// Sheets of these types hold no cells.
bool HasCells(std::string_view type) { return type != "chartsheet" && type != "dialogsheet"; }

}  // namespace

absl::StatusOr<std::unique_ptr<Workbook>> Workbook::Open(int file, std::uint64_t inflated_max) {
  absl::StatusOr<std::unique_ptr<ZipArchive>> archive = ZipArchive::Open(file);
  if (absl::IsInvalidArgument(archive.status())) {
    return absl::InvalidArgumentError(
        "it is not an Excel workbook (.xlsx); save older formats (.xls) as .xlsx");
  }
  if (!archive.ok()) return archive.status();
  std::unique_ptr<Workbook> book(new Workbook(*std::move(archive), inflated_max));
  for (const auto step : {&Workbook::ReadPackage, &Workbook::ReadSheets, &Workbook::ReadRelations,
                          &Workbook::ReadStyles, &Workbook::ReadSharedTexts}) {
    RETURN_IF_ERROR((book.get()->*step)());
  }
  return book;
}

std::optional<Shown> Workbook::FormatOf(std::size_t style) const {
  if (style < styles_.size()) return styles_[style];
  // The first format is that of cells which name none.
  return style == 0 ? std::optional(Shown::kNumber) : std::nullopt;
}

absl::StatusOr<std::unique_ptr<XmlPart>> Workbook::OpenPart(const std::string& name) {
  const std::optional<zip_uint64_t> index = archive_->Find(name);
  if (!index) return absl::NotFoundError(absl::StrCat("it has no part '", name, "'"));
  return XmlPart::Open(archive_->get(), *index, name, &inflated_);
}

const Workbook::Relation* Workbook::RelationOf(const std::string& id) const {
  const auto found = std::find_if(relations_.begin(), relations_.end(),
                                  [&id](const Relation& relation) { return relation.id == id; });
  return found == relations_.end() ? nullptr : &*found;
}

std::string Workbook::RelatedPart(std::string_view type, std::string_view usual) const {
  for (const Relation& relation : relations_) {
    if (relation.type == type) return relation.part;
  }
  return ResolveTarget(workbook_, usual);
}

absl::StatusOr<std::unique_ptr<XmlPart>> Workbook::OpenSheet(const std::string& name) {
  const auto is_named = [&](const auto& sheet) {
    // No two sheets of a workbook differ in their case alone.
    if (!name.empty()) return SameName(sheet.first, name);
    const Relation* const relation = RelationOf(sheet.second);
    return relation == nullptr || HasCells(relation->type);
  };
  const auto sheet = std::find_if(sheets_.begin(), sheets_.end(), is_named);
  if (sheet == sheets_.end() && name.empty() && !sheets_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("it has no sheet with cells, only charts: ", NameSheets()));
  }
  if (sheet == sheets_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("it has no sheet '", name, "', but ", NameSheets()));
  }
  const Relation* const relation = RelationOf(sheet->second);
  if (relation == nullptr) return absl::InvalidArgumentError("its list of sheets points to no sheet");
  if (!HasCells(relation->type)) {
    return absl::InvalidArgumentError(
        absl::StrCat("its sheet '", sheet->first, "' is a chart or a dialog, and has no cells"));
  }
  return OpenPart(relation->part);
}

std::optional<std::string_view> Workbook::SharedText(std::size_t at) const {
  if (at + 1 >= text_ends_.size()) return std::nullopt;
  return std::string_view(texts_).substr(text_ends_[at], text_ends_[at + 1] - text_ends_[at]);
}

absl::Status Workbook::ReadPackage() {
  const absl::StatusOr<std::vector<Relation>> relations = ReadRelationsOf("");
  workbook_ = kUsualWorkbook;
  // Then the workbook stands where it usually does.
  if (absl::IsNotFound(relations.status())) return absl::OkStatus();
  if (!relations.ok()) return relations.status();
  const auto document = std::find_if(relations->begin(), relations->end(), [](const Relation& relation) {
    return relation.type == "officeDocument";
  });
  if (document != relations->end()) workbook_ = document->part;
  if (!FoldName(workbook_).ends_with(".bin")) return absl::OkStatus();
  return absl::InvalidArgumentError("it is a binary workbook (.xlsb): save it as .xlsx");
}

absl::Status Workbook::ReadSheets() {
  absl::StatusOr<std::unique_ptr<XmlPart>> part = OpenPart(workbook_);
  if (absl::IsNotFound(part.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat("it is not an Excel workbook: it has no list of sheets ('", workbook_, "')"));
  }
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

absl::StatusOr<std::vector<Workbook::Relation>> Workbook::ReadRelationsOf(const std::string& from) {
  ASSIGN_OR_RETURN(std::unique_ptr<XmlPart> part, OpenPart(RelationsOf(from)));
  std::vector<Relation> relations;
  part->on_begin = [&](std::string_view name, const XML_Char** attributes) {
    if (name != "Relationship" || Attribute(attributes, "TargetMode") == "External") return;
    const std::string_view type = Attribute(attributes, "Type");
    relations.push_back({std::string(Attribute(attributes, "Id")),
                         std::string(type.substr(type.rfind('/') + 1)),
                         ResolveTarget(from, Attribute(attributes, "Target"))});
  };
  RETURN_IF_ERROR(part->ReadAll(kSmallPartMax));
  return relations;
}

absl::Status Workbook::ReadRelations() {
  ASSIGN_OR_RETURN(relations_, ReadRelationsOf(workbook_));
  return absl::OkStatus();
}

absl::Status Workbook::ReadStyles() {
  absl::StatusOr<std::unique_ptr<XmlPart>> part = OpenPart(RelatedPart("styles", "styles.xml"));
  // Then a cell that names a format is left out: it may be a date.
  if (absl::IsNotFound(part.status())) return absl::OkStatus();
  if (!part.ok()) return part.status();
  std::map<int, Shown> formats;
  std::vector<int> used;  // Of each style the number of its format.
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
      used.push_back(number(Attribute(attributes, "numFmtId")));
    }
  };
  (*part)->on_end = [&](std::string_view name) { in_cells = in_cells && name != "cellXfs"; };
  RETURN_IF_ERROR((*part)->ReadAll(kSmallPartMax));
  for (const int id : used) {
    const auto own = formats.find(id);
    styles_.push_back(own != formats.end() ? own->second : ShownByNumber(id));
  }
  return absl::OkStatus();
}

absl::Status Workbook::ReadSharedTexts() {
  text_ends_ = {0};
  absl::StatusOr<std::unique_ptr<XmlPart>> part = OpenPart(RelatedPart("sharedStrings", "sharedStrings.xml"));
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
    ASSIGN_OR_RETURN(const bool more, (*part)->Step());
    if (texts_.size() > kSharedTextsMax || text_ends_.size() > kSharedTextsMax / 8) {
      return absl::ResourceExhaustedError(
          absl::StrCat("its shared texts have more than ", kSharedTextsMax >> 20, " MB: save it as CSV"));
    }
    if (!more) return absl::OkStatus();
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
