#include "client/source/form.h"

namespace mirror {
namespace {

/// Takes the first word off `text`, with the space behind it.
std::string TakeWord(std::string_view* text) {
  const std::string_view word = text->substr(0, text->find(' '));
  text->remove_prefix(word.size() < text->size() ? word.size() + 1 : word.size());
  return std::string(word);
}

}  // namespace

std::string ToString(const Form& form) {
  if (!form.strategy) return form.shape;
  std::string text = ToString(*form.strategy);
  if (!form.shape.empty()) text += " " + form.shape;
  if (!form.rows.empty()) text += " " + form.rows;
  return text;
}

Form ParseForm(std::string_view text) {
  Form form;
  std::string_view rest = text;
  form.strategy = ParseStrategy(TakeWord(&rest));
  form.shape = TakeWord(&rest);
  form.rows = std::string(rest);
  if (form.strategy && ToString(form) == text) return form;
  return {std::nullopt, std::string(text)};
}

}  // namespace mirror
