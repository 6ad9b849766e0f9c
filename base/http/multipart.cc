#include "base/http/multipart.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace mirror {
namespace {

/// A value of a header with its parameters: `form-data; name="a"`.
struct HeaderValue {
  std::string value;                                            ///< Value in lower case.
  std::vector<std::pair<std::string, std::string>> parameters;  ///< Names in lower case; each once.

  const std::string* Find(std::string_view name) const;
};

/// The header of one part of a form.
struct PartHeader {
  std::string name;
  std::optional<std::string> file_name;
};

/// Returns true if a token of RFC 9110 may contain the character.
bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  absl::AsciiStrToLower(&lower);
  return lower;
}

void SkipBlanks(std::string_view* text) {
  while (!text->empty() && (text->front() == ' ' || text->front() == '\t')) text->remove_prefix(1);
}

std::string_view TakeToken(std::string_view* text) {
  const auto end = std::find_if_not(text->begin(), text->end(), IsTokenCharacter);
  const std::string_view token = text->substr(0, static_cast<std::size_t>(end - text->begin()));
  text->remove_prefix(token.size());
  return token;
}

/// Reads a quoted text after its first quote. A backslash escapes only a quote or a backslash, because old
/// programs write paths with single backslashes.
std::optional<std::string> TakeQuoted(std::string_view* text) {
  std::string value;
  for (std::size_t i = 0; i < text->size(); ++i) {
    const char c = (*text)[i];
    if (c == '"') {
      text->remove_prefix(i + 1);
      return value;
    }
    const bool hides = c == '\\' && i + 1 < text->size() && ((*text)[i + 1] == '"' || (*text)[i + 1] == '\\');
    value.push_back(hides ? (*text)[++i] : c);
  }
  return std::nullopt;
}

const std::string* HeaderValue::Find(std::string_view name) const {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [name](const auto& one) { return one.first == name; });
  return found == parameters.end() ? nullptr : &found->second;
}

/// Parses a header's value. Absent: the syntax is wrong, or a parameter occurs twice.
std::optional<HeaderValue> ParseHeaderValue(std::string_view text) {
  HeaderValue value;
  SkipBlanks(&text);
  value.value = Lower(TakeToken(&text));
  if (value.value.empty()) return std::nullopt;
  if (!text.empty() && text.front() == '/') {
    text.remove_prefix(1);
    const std::string_view subtype = TakeToken(&text);
    if (subtype.empty()) return std::nullopt;
    value.value.append("/").append(Lower(subtype));
  }
  for (SkipBlanks(&text); !text.empty(); SkipBlanks(&text)) {
    if (text.front() != ';') return std::nullopt;
    text.remove_prefix(1);
    SkipBlanks(&text);
    if (text.empty()) break;  // The value ended with a ';'.
    std::string name = Lower(TakeToken(&text));
    if (name.empty() || text.empty() || text.front() != '=' || value.Find(name) != nullptr)
      return std::nullopt;
    text.remove_prefix(1);
    std::optional<std::string> content;
    if (!text.empty() && text.front() == '"') {
      text.remove_prefix(1);
      content = TakeQuoted(&text);
    } else {
      content = TakeToken(&text);
      if (content->empty()) return std::nullopt;
    }
    if (!content) return std::nullopt;
    value.parameters.emplace_back(std::move(name), *std::move(content));
  }
  return value;
}

absl::Status WrongPart(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("a part of the form ", std::string(why)));
}

/// Reads one header line. Lines other than Content-Disposition are ignored, unless they change how the part
/// must be read.
absl::Status TakeLine(std::string_view line, std::optional<HeaderValue>* disposition) {
  const std::size_t colon = line.find(':');
  std::string_view name = line.substr(0, std::min(colon, line.size()));
  const bool sound = colon != std::string_view::npos && !name.empty() &&
                     std::all_of(name.begin(), name.end(), IsTokenCharacter) && IsText(line) &&
                     std::none_of(line.begin(), line.end(), [](char c) { return IsControl(c) && c != '\t'; });
  if (!sound) return WrongPart("has a malformed header line; each is 'Name: value' in UTF-8, unfolded");
  const std::string lower = Lower(name);
  if (lower == "content-transfer-encoding") {
    const std::optional<HeaderValue> encoding = ParseHeaderValue(line.substr(colon + 1));
    const bool plain =
        encoding && (encoding->value == "binary" || encoding->value == "8bit" || encoding->value == "7bit");
    if (!plain) return WrongPart("has a Content-Transfer-Encoding; send it as it is");
  }
  if (lower != "content-disposition") return absl::OkStatus();
  if (*disposition) return WrongPart("has two Content-Dispositions");
  *disposition = ParseHeaderValue(line.substr(colon + 1));
  if (!*disposition || (*disposition)->value != "form-data") {
    return WrongPart("has a Content-Disposition that is not written as: form-data; name=\"...\"");
  }
  return absl::OkStatus();
}

/// Parses the header of a part. `header`: its lines, each with its CR LF. Errors: kInvalidArgument, with a
/// text for people.
absl::StatusOr<PartHeader> ParsePartHeader(std::string_view header) {
  std::optional<HeaderValue> disposition;
  while (!header.empty()) {
    const std::size_t end = header.find("\r\n");
    if (end == std::string_view::npos) return WrongPart("has a header whose lines do not end");
    RETURN_IF_ERROR(TakeLine(header.substr(0, end), &disposition));
    header.remove_prefix(end + 2);
  }
  if (!disposition) return WrongPart("has no Content-Disposition: form-data; name=\"...\"");
  const std::string* const name = disposition->Find("name");
  if (name == nullptr || name->empty()) return WrongPart("has no name");
  // Both forms of the file's name are checked, because some programs use the one and some the other.
  const std::string* const file_name = disposition->Find("filename");
  const bool extended = disposition->Find("filename*") != nullptr;
  PartHeader part{*name, std::nullopt};
  if (file_name != nullptr || extended) part.file_name = file_name != nullptr ? *file_name : std::string();
  return part;
}

/// Limit of RFC 2046.
constexpr std::size_t kBoundaryMax = 70;
/// Blanks that are allowed after a boundary.
constexpr std::size_t kPaddingMax = 64;

absl::Status WrongForm(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("the form ", why));
}

bool IsBoundary(std::string_view text) {
  return !text.empty() && text.size() <= kBoundaryMax && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
         });
}

}  // namespace

absl::StatusOr<std::string> MultipartBoundary(std::string_view content_type) {
  const std::optional<HeaderValue> type = ParseHeaderValue(content_type);
  if (!type || type->value != "multipart/form-data") {
    return absl::InvalidArgumentError(
        "the body has to be a form: Content-Type: multipart/form-data; boundary=...");
  }
  const std::string* const boundary = type->Find("boundary");
  if (boundary != nullptr && IsBoundary(*boundary)) return *boundary;
  return absl::InvalidArgumentError("the form's Content-Type names no boundary, or one that is not valid");
}

const std::string* MultipartForm::Find(std::string_view name) const {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [name](const auto& one) { return one.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

MultipartSink::MultipartSink(std::string_view boundary, MultipartLimits limits,
                             std::shared_ptr<HttpBodySink> file, std::shared_ptr<MultipartForm> form)
    : delimiter_(absl::StrCat("\r\n--", std::string(boundary))),
      limits_(std::move(limits)),
      file_(std::move(file)),
      form_(std::move(form)) {}

absl::Status MultipartSink::Write(std::string_view piece) {
  if (!failed_.ok()) return failed_;
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_.append(piece);
  for (;;) {
    const absl::StatusOr<bool> more = Step();
    if (!more.ok()) {
      form_->is_whole = false;
      failed_ = more.status();
      return failed_;
    }
    if (!*more) return absl::OkStatus();
  }
}

absl::StatusOr<bool> MultipartSink::Step() {
  switch (state_) {
    case State::kBegin:
      return TakeBegin();
    case State::kBoundary:
      return TakeBoundary();
    case State::kHeader:
      return TakeHeader();
    case State::kContent:
      return TakeContent();
    case State::kEnd:
      return TakeEnd();
  }
  return false;
}

absl::StatusOr<bool> MultipartSink::TakeBegin() {
  // The first boundary has no line end before it.
  const std::string_view first = std::string_view(delimiter_).substr(2);
  if (!first.starts_with(rest().substr(0, first.size()))) {
    return WrongForm("does not begin with its boundary");
  }
  if (rest().size() < first.size()) return false;
  at_ += first.size();
  state_ = State::kBoundary;
  return true;
}

absl::StatusOr<bool> MultipartSink::TakeBoundary() {
  const std::string_view behind = rest();
  if (behind.starts_with("--")) {
    at_ += 2;
    state_ = State::kEnd;
    form_->is_whole = true;
    return true;
  }
  if (behind.empty() || behind == "-") return false;
  const std::size_t blanks = std::min(behind.find_first_not_of(" \t"), behind.size());
  const std::string_view end = behind.substr(blanks, 2);
  if (blanks > kPaddingMax || !std::string_view("\r\n").starts_with(end)) {
    return WrongForm("has text after a boundary where a line end must be");
  }
  if (end.size() < 2) return false;
  at_ += blanks + 2;
  state_ = State::kHeader;
  return true;
}

absl::StatusOr<bool> MultipartSink::TakeHeader() {
  const std::string_view there = rest();
  const bool is_empty = there.starts_with("\r\n");
  const std::size_t end = is_empty ? 0 : there.find("\r\n\r\n");
  // The data may end within the end of the part.
  const std::size_t least =
      end == std::string_view::npos ? there.size() - std::min<std::size_t>(there.size(), 3) : end;
  if (least > limits_.header_bytes_max) {
    return WrongForm(absl::StrCat("has a part whose header is over ", SizeText(limits_.header_bytes_max)));
  }
  if (end == std::string_view::npos) return false;
  const std::size_t lines = is_empty ? 0 : end + 2;
  RETURN_IF_ERROR(BeginPart(there.substr(0, lines)));
  at_ += lines + 2;
  state_ = State::kContent;
  return true;
}

absl::Status MultipartSink::BeginPart(std::string_view header) {
  ASSIGN_OR_RETURN(PartHeader part, ParsePartHeader(header));
  in_file_ = part.name == limits_.file_field;
  if (in_file_) {
    if (form_->file_name) return WrongForm("has two files; send one");
    form_->file_name = part.file_name.value_or("");
    return absl::OkStatus();
  }
  if (part.file_name) {
    return WrongForm(absl::StrCat("has a file in the field '", Printable(part.name), "'; its field is '",
                                  limits_.file_field, "'"));
  }
  return BeginField(std::move(part.name));
}

absl::Status MultipartSink::BeginField(std::string name) {
  const bool may_repeat =
      std::find(limits_.repeatable.begin(), limits_.repeatable.end(), name) != limits_.repeatable.end();
  if (!may_repeat && form_->Find(name) != nullptr) {
    return WrongForm(absl::StrCat("has the field '", Printable(name), "' twice"));
  }
  if (form_->fields.size() == limits_.fields_max) {
    return WrongForm(absl::StrCat("has more than ", Counted(limits_.fields_max, "field")));
  }
  form_->fields.emplace_back(std::move(name), "");
  return absl::OkStatus();
}

absl::StatusOr<bool> MultipartSink::TakeContent() {
  const std::string_view there = rest();
  const std::size_t end = there.find(delimiter_);
  const bool ends = end != std::string_view::npos;
  // A boundary may begin at the end of the data.
  const std::size_t taken = ends ? end : there.size() - std::min(there.size(), delimiter_.size() - 1);
  RETURN_IF_ERROR(AddContent(there.substr(0, taken)));
  at_ += ends ? end + delimiter_.size() : taken;
  if (ends) state_ = State::kBoundary;
  return ends;
}

absl::Status MultipartSink::AddContent(std::string_view bytes) {
  if (bytes.empty()) return absl::OkStatus();
  if (!in_file_) {
    auto& [name, value] = form_->fields.back();
    if (value.size() + bytes.size() > limits_.field_bytes_max) {
      return absl::OutOfRangeError(absl::StrCat("the form's field '", Printable(name), "' is over ",
                                                SizeText(limits_.field_bytes_max)));
    }
    value.append(bytes);
    return absl::OkStatus();
  }
  if (bytes.size() > limits_.file_bytes_max - form_->file_bytes) {
    return absl::OutOfRangeError(absl::StrCat("the file is over ", Counted(limits_.file_bytes_max, "byte")));
  }
  form_->file_bytes += bytes.size();
  return file_->Write(bytes);
}

absl::StatusOr<bool> MultipartSink::TakeEnd() {
  // Only a line end may follow.
  if (!std::string_view("\r\n").starts_with(rest())) return WrongForm("has data after its last boundary");
  return false;
}

}  // namespace mirror
