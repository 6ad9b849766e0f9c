#include "client/source/files/rows/xml_part.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
/// Expat keeps a tag whole, and looks through all of it again with each piece.
constexpr std::size_t kTagBytesMax = 1 << 20;
/// Elements within each other; those of Excel are a dozen.
constexpr std::uint32_t kDepthMax = 100;

std::string_view LocalName(const XML_Char* name) {
  const std::string_view whole = name;
  const std::size_t colon = whole.rfind(':');
  return colon == std::string_view::npos ? whole : whole.substr(colon + 1);
}

absl::Status NoMemory() { return absl::ResourceExhaustedError("there is no memory left to read it"); }

}  // namespace

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
        static_cast<XmlPart*>(self)->Refuse("has a document type, which is never followed");
      });
}

void XmlPart::Begin(std::string_view element, const XML_Char** attributes) {
  if (++depth_ > kDepthMax) return Refuse("has too many elements within each other");
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

}  // namespace mirror
