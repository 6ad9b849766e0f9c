#include "client/source/files/rows/workbook.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// Returns the folder of a part, with its last slash; empty: the root.
std::string_view FolderOf(std::string_view part) { return part.substr(0, part.rfind('/') + 1); }

/// Replaces percent codes, except those of characters that a name cannot have.
std::string Decoded(std::string_view name) {
  std::string plain;
  for (std::size_t i = 0; i < name.size(); ++i) {
    int code = 0;
    const char* const at = name.data() + i;
    const bool coded =
        *at == '%' && name.size() - i > 2 && std::from_chars(at + 1, at + 3, code, 16).ptr == at + 3;
    if (coded && code > 0 && code != '/' && code != '\\') {
      plain.push_back(static_cast<char>(code));
      i += 2;
    } else {
      plain.push_back(name[i]);
    }
  }
  return plain;
}

/// Removes "./", "../" and empty names of folders.
std::string Normalised(std::string name) {
  std::replace(name.begin(), name.end(), '\\', '/');
  std::vector<std::string_view> steps;
  const std::string_view whole = name;
  for (std::size_t begin = 0; begin <= whole.size();) {
    const std::size_t end = std::min(whole.find('/', begin), whole.size());
    const std::string_view step = whole.substr(begin, end - begin);
    begin = end + 1;
    if (step == "..") {
      if (!steps.empty()) steps.pop_back();
    } else if (!step.empty() && step != ".") {
      steps.push_back(step);
    }
  }
  return absl::StrJoin(steps, "/", [](std::string* out, std::string_view step) { out->append(step); });
}

constexpr std::size_t kPieceBytes = 64 << 10;
/// Expat keeps a whole tag in memory, and scans it again with each piece.
constexpr std::size_t kTagBytesMax = 1 << 20;
/// Maximum nesting of elements. Excel nests about a dozen.
constexpr std::uint32_t kDepthMax = 100;

std::string_view LocalName(const XML_Char* name) {
  const std::string_view whole = name;
  const std::size_t colon = whole.rfind(':');
  return colon == std::string_view::npos ? whole : whole.substr(colon + 1);
}

absl::Status NoMemory() { return absl::ResourceExhaustedError("there is no memory left to read it"); }

}  // namespace

std::string ResolveTarget(std::string_view part, std::string_view target) {
  const bool from_root = target.starts_with('/') || target.starts_with('\\');
  std::string name(from_root ? std::string_view() : FolderOf(part));
  return Normalised(name.append(target));
}

std::string FoldPartName(std::string_view name) { return FoldName(Normalised(Decoded(name))); }

std::string RelationsOf(std::string_view part) {
  const std::string_view folder = FolderOf(part);
  return absl::StrCat(std::string(folder), "_rels/", std::string(part.substr(folder.size())), ".rels");
}

std::string_view Attribute(const XML_Char** attributes, std::string_view name) {
  for (; attributes[0] != nullptr; attributes += 2) {
    if (LocalName(attributes[0]) == name) return attributes[1];
  }
  return {};
}

absl::StatusOr<std::unique_ptr<XmlPart>> XmlPart::Open(zip_t* archive, zip_uint64_t index,
                                                       const std::string& name, Inflated* inflated) {
  std::unique_ptr<XmlPart> part(new XmlPart(name, inflated));
  if (part->parser_ == nullptr) return NoMemory();
  part->file_.reset(zip_fopen_index(archive, index, 0));
  if (part->file_ != nullptr) return part;
  const int code = zip_error_code_zip(zip_get_error(archive));
  if (code == ZIP_ER_MEMORY) return NoMemory();
  if (code == ZIP_ER_NOPASSWD || code == ZIP_ER_ENCRNOTSUPP) {
    return absl::InvalidArgumentError("it is encrypted: save it without a password");
  }
  return absl::InvalidArgumentError(absl::StrCat("its part '", name, "' is damaged"));
}

XmlPart::XmlPart(std::string name, Inflated* inflated)
    : name_(std::move(name)), inflated_(*inflated), parser_(XML_ParserCreate(nullptr)) {
  if (parser_ == nullptr) return;
  XML_SetUserData(parser_.get(), this);
  XML_SetElementHandler(
      parser_.get(),
      [](void* self, const XML_Char* element, const XML_Char** attributes) {
        static_cast<XmlPart*>(self)->Begin(LocalName(element), attributes);
      },
      [](void* self, const XML_Char* element) {
        auto* const part = static_cast<XmlPart*>(self);
        --part->depth_;
        if (part->on_end) part->on_end(LocalName(element));
      });
  XML_SetCharacterDataHandler(parser_.get(), [](void* self, const XML_Char* text, int size) {
    auto* const part = static_cast<XmlPart*>(self);
    if (part->on_text) part->on_text({text, static_cast<std::size_t>(size)});
  });
  XML_SetStartDoctypeDeclHandler(
      parser_.get(), [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
        static_cast<XmlPart*>(self)->Refuse("has a document type, which is not allowed");
      });
}

void XmlPart::Begin(std::string_view element, const XML_Char** attributes) {
  if (++depth_ > kDepthMax) return Refuse("has elements that are nested too deeply");
  if (on_begin) on_begin(element, attributes);
}

void XmlPart::Refuse(const char* why) {
  if (refused_ == nullptr) refused_ = why;
  XML_StopParser(parser_.get(), XML_FALSE);
}

void XmlPart::Pause() { XML_StopParser(parser_.get(), XML_TRUE); }

absl::StatusOr<bool> XmlPart::Step() {
  const absl::StatusOr<XML_Status> parsed =
      std::exchange(paused_, false) ? XML_ResumeParser(parser_.get()) : ReadPiece();
  if (!parsed.ok()) return parsed.status();
  if (*parsed == XML_STATUS_ERROR) return Failure();
  paused_ = *parsed == XML_STATUS_SUSPENDED;
  if (paused_) return true;
  const XML_Index begun = XML_GetCurrentByteIndex(parser_.get());
  if (begun >= 0 && read_ > static_cast<std::size_t>(begun) + kTagBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("its part '", name_, "' has a tag of more than a megabyte"));
  }
  return !at_end_;
}

absl::StatusOr<XML_Status> XmlPart::ReadPiece() {
  void* const buffer = XML_GetBuffer(parser_.get(), static_cast<int>(kPieceBytes));
  if (buffer == nullptr) return NoMemory();
  const zip_int64_t got = zip_fread(file_.get(), buffer, kPieceBytes);
  if (got < 0) return absl::DataLossError(absl::StrCat("its part '", name_, "' is damaged"));
  read_ += static_cast<std::size_t>(got);
  inflated_.bytes += static_cast<std::uint64_t>(got);
  if (inflated_.bytes > inflated_.most) {
    return absl::ResourceExhaustedError(absl::StrCat("unpacked it has more than ", inflated_.most >> 20,
                                                     " MB, far more than a table of its size"));
  }
  at_end_ = got == 0;
  return XML_ParseBuffer(parser_.get(), static_cast<int>(got), at_end_ ? 1 : 0);
}

absl::Status XmlPart::Failure() const {
  if (refused_ != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("its part '", name_, "' ", refused_));
  }
  const XML_Error error = XML_GetErrorCode(parser_.get());
  if (error == XML_ERROR_NO_MEMORY) return NoMemory();
  return absl::InvalidArgumentError(absl::StrCat("its part '", name_, "' is not well-formed (",
                                                 XML_ErrorString(error), ", line ",
                                                 XML_GetCurrentLineNumber(parser_.get()), ")"));
}

absl::Status XmlPart::ReadAll(std::size_t most) {
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, Step());
    if (!more) return absl::OkStatus();
    if (read_ > most)
      return absl::ResourceExhaustedError(absl::StrCat("its part '", name_, "' is too large"));
  }
}

absl::StatusOr<std::unique_ptr<ZipArchive>> ZipArchive::Open(int file) {
  std::unique_ptr<ZipArchive> archive(new ZipArchive(file));
  const off_t size = lseek(file, 0, SEEK_END);
  if (size < 0) return absl::InvalidArgumentError("it is not a file that can be read at any position");
  archive->size_ = static_cast<std::uint64_t>(size);
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const source = zip_source_function_create(&ZipArchive::Answer, archive.get(), &error);
  if (source != nullptr) {
    archive->archive_ = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (archive->archive_ == nullptr) zip_source_free(source);
  }
  const int code = zip_error_code_zip(&error);
  zip_error_fini(&error);
  if (archive->archive_ != nullptr) return archive;
  if (code == ZIP_ER_MEMORY) return absl::ResourceExhaustedError("there is no memory left to read it");
  return absl::InvalidArgumentError("it is not a zip archive, or it is damaged");
}

std::optional<zip_uint64_t> ZipArchive::Find(const std::string& part) const {
  const std::string wanted = FoldPartName(part);
  const zip_int64_t count = zip_get_num_entries(archive_, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    const char* const name = zip_get_name(archive_, index, ZIP_FL_ENC_RAW);
    if (name != nullptr && FoldPartName(name) == wanted) return index;
  }
  return std::nullopt;
}

ZipArchive::~ZipArchive() {
  if (archive_ != nullptr) zip_discard(archive_);
  zip_error_fini(&error_);
  close(file_);
}

zip_int64_t ZipArchive::Read(void* data, zip_uint64_t size) {
  const ssize_t got = pread(file_, data, size, static_cast<off_t>(at_));
  if (got < 0) {
    zip_error_set(&error_, ZIP_ER_READ, errno);
    return -1;
  }
  at_ += static_cast<std::uint64_t>(got);
  bytes_read_ += static_cast<std::uint64_t>(got);
  return got;
}

zip_int64_t ZipArchive::Answer(void* self, void* data, zip_uint64_t size, zip_source_cmd_t command) {
  auto& archive = *static_cast<ZipArchive*>(self);
  switch (command) {
    case ZIP_SOURCE_OPEN:
      archive.at_ = 0;
      return 0;
    case ZIP_SOURCE_READ:
      return archive.Read(data, size);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
      return 0;
    case ZIP_SOURCE_STAT: {
      auto* const facts = static_cast<zip_stat_t*>(data);
      zip_stat_init(facts);
      facts->size = archive.size_;
      facts->valid = ZIP_STAT_SIZE;
      return sizeof *facts;
    }
    case ZIP_SOURCE_ERROR:
      return zip_error_to_data(&archive.error_, data, size);
    case ZIP_SOURCE_SEEK: {
      const zip_int64_t to =
          zip_source_seek_compute_offset(archive.at_, archive.size_, data, size, &archive.error_);
      if (to < 0) return -1;
      archive.at_ = static_cast<std::uint64_t>(to);
      return 0;
    }
    case ZIP_SOURCE_TELL:
      return static_cast<zip_int64_t>(archive.at_);
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                            ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                            ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default:
      zip_error_set(&archive.error_, ZIP_ER_OPNOTSUPP, 0);
      return -1;
  }
}

namespace {

/// Maximum bytes of the parts that hold names and styles.
constexpr std::size_t kSmallPartMax = 16 << 20;
constexpr char kUsualWorkbook[] = "xl/workbook.xml";

/// Returns whether a sheet has cells. Sheets of these two types have none.
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
  // Cells that name no format have the first one.
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
    // Names of sheets in one workbook do not differ only by case.
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
  // A workbook without relations is at the usual place.
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
    // "id" is that of the relation; "sheetId" is another number.
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
  // Cells that name a format are then wrong, because the format may be a date.
  if (absl::IsNotFound(part.status())) return absl::OkStatus();
  if (!part.ok()) return part.status();
  std::map<int, Shown> formats;
  std::vector<int> used;  // For each style the number of its format.
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
    if (name == "rPh") in_phonetic = true;  // Pronunciation.
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
