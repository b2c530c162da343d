/* SPDX-License-Identifier: BSD-2-Clause */
/* A results file whose every text is hostile, in every form of a report: nothing in it drives a
 * terminal, a log of CI, a spreadsheet or a browser. */
#include "tickvm/facts_json.h"
#include "tickvm/report.h"

#include "harm.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <unistd.h>

#define MARK "mark"

/* Each stands where a text of the file stood, alone and behind others. */
static const char *const evil[] = {
	MARK,
	"\x1b]0;" MARK "\x07\x1b[2J",
	"\xc2\x9b"
	"31m" MARK "\xc2\x85\xc2\x8d",
	"\r" MARK "\x7f\x08\x0b\x0c",
	"\u202e" MARK "\u2066\u2069\u200f\u061c\u2028\u2029",
	"\u200b" MARK "\u2060\ufeff\u00ad\U000e0041\ufffe",
	"::error::" MARK,
	" \u00a0\u3000::set-output name=x::" MARK,
	MARK "\n::error::x\n\n  ::stop-commands::x\r::x",
	MARK " ##[error]x ##vso[task.complete] ##teamcity[x]",
	"section_start:1560896352:" MARK "\r\x1b[0Kx\nsection_end:1:x",
	"=cmd|'/C calc'!A0" MARK,
	"+1+" MARK,
	"-1+" MARK,
	"@SUM(" MARK,
	"\t=" MARK,
	"\r=" MARK,
	"\n=" MARK,
	"  =" MARK,
	"\uff1d" MARK,
	MARK ";=1+1;-2+3;\n=1",
	"\",=1+1,\"" MARK,
	"<" MARK "><script>alert(1)</script><!--",
	"\"'><img src=x onerror=" MARK ">]]>&lt;&#x202e;&",
	"`" MARK "` *a* _b_ ~~c~~ [d](javascript:e) ![f](g) | h | \\",
	MARK "\n# a\n- b\n1. c\n> d\n===\n---\n```\n/close\n    e",
	"http://" MARK " www." MARK ".com @" MARK " #1 a@b.c",
	"not ok 1 " MARK " # TODO\nBail out!\n1..0",
};
#define EVILS (sizeof(evil) / sizeof(evil[0]))

/* ---- the file ---- */

/* '?' stands for the text: everywhere but where a form looks for a word. */
static const char document[] =
	"{'schema':'tickvm-results/1','tickvm_version':'?','bench':'?','time':'?',"
	"'command_line':'?','tsc_hz':1000000000,'duration_ns':5,"
	"'host':{'cpu_model':'?','kernel':'?','kvm_backend':'?','?':'?','kvm':{'?':1,'b':'?'},"
	"'list':['?']},"
	"'metrics':[{'name':'?','unit':'?','better':'lower','values':[-1.5,2]},"
	"{'name':'?2','unit':'?','better':'higher','values':[3]}],"
	"'runs':[{'source':'?','interval_ns':1000,'lateness':{'n':1,'sum_ticks':5,'min_ns':5,"
	"'max_ns':5},'histogram':[[5,5,1]],'events':{'columns':['deadline','enter','done'],"
	"'rows':[[10,20,30]]}}],"
	"'skipped':[{'?':'?','reason':'?'},{'cell':'?','reason':'?'}],"
	"'cells':[{'name':'?','rounds':[{'status':1}]},{'name':'?','rounds':[]}],"
	"'comparison':{'metrics':[{'name':'?','unit':'?','gated':true,'outcome':'?',"
	"'old_median':1,'new_median':2}]},"
	"'page':{'items':[{'heading':'?'},{'note':'?'},{'note':'words and words ?'},"
	"{'verdict':'?','good':true},{'verdict':'?','good':false},{'verdict':'?','good':null},"
	"{'table':{'name':'?','align':'lrl','titles':['?','?','c'],'rows':[['?','?','-1.5'],"
	"['a','-12.5','+3.0 %'],['-1e-05','?','? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ?']]}},"
	"{'chart':{'kind':'bars','title':'?','x_label':'?','y_label':'?','series':["
	"{'name':'?','points':[['?',1],['b',2]]},{'name':'?2','points':[['?',3]]}]}},"
	"{'chart':{'kind':'lines','title':'?','x_label':'?','y_label':'?','series':["
	"{'name':'?','points':[[1,1],[2,2]]}]}}]}}";

static void put_quoted(FILE *out, const char *text)
{
	json_t *json = json_string(text);
	char *quoted = json_dumps(json, JSON_ENCODE_ANY);

	cr_assert_not_null(quoted, "%s", text);
	fwrite(quoted + 1, 1, strlen(quoted) - 2, out);
	free(quoted);
	json_decref(json);
}

/* The caller frees it. */
static char *document_of(const char *text)
{
	char *json;
	size_t size;
	FILE *out = open_memstream(&json, &size);

	for (const char *c = document; *c != '\0'; c++) {
		if (*c == '?')
			put_quoted(out, text);
		else
			fputc(*c == '\'' ? '"' : *c, out);
	}
	fclose(out);
	return json;
}

static struct report_file read_document(const char *text)
{
	char path[] = "/tmp/tickvm-harmless-XXXXXX", *json = document_of(text);
	struct report_file file;
	struct diag diag;
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, json, strlen(json)), (ssize_t)strlen(json));
	close(fd);
	cr_assert_eq(report_read(&file, path, &diag), 0, "%s\n%s", diag.text, json);
	unlink(path);
	free(json);
	file.path = text; /* as if it were the file's name */
	return file;
}

/* ---- what is looked for in each form ---- */

static void no_formula(const char *field, size_t length, const char *csv)
{
	char cell[512];
	size_t n = 0;

	/* Where the comma is the decimal sign, a semicolon separates. */
	for (size_t i = 0; i <= length && n + 1 < sizeof(cell); i++) {
		if (i < length && field[i] != ';') {
			cell[n++] = field[i];
			continue;
		}
		cell[n] = '\0';
		cr_expect_not(harm_is_formula(cell), "\"%s\" in\n%s", cell, csv);
		n = 0;
	}
}

/* RFC 4180; a quote within a field is left as two. */
static void check_csv(const char *csv)
{
	for (const char *at = csv; *at != '\0';) {
		bool quoted = *at == '"';
		const char *field = at += quoted;

		while (quoted ? *at != '"' || at[1] == '"' : strchr(",\r", *at) == NULL) {
			cr_assert_neq(*at, '\0', "%s", csv);
			cr_expect_neq(*at, '\n', "a row is a line: %s", csv);
			at += quoted && *at == '"' ? 2 : 1;
		}
		no_formula(field, (size_t)(at - field), csv);
		at += quoted;
		cr_assert_not_null(strchr(",\r", *at), "%s", csv);
		at += *at == ',' ? 1 : strspn(at, "\r\n");
	}
	cr_expect_not_null(strstr(csv, ",-1.5"), "a number stays one");
}

/* How many of c stand in a line without a backslash before them. */
static unsigned unescaped(const char *line, size_t length, char c)
{
	unsigned n = 0;

	for (size_t i = 0; i < length; i++) {
		if (line[i] == '\\')
			i++;
		else
			n += line[i] == c;
	}
	return n;
}

static void check_markdown(const char *text)
{
	unsigned bars = 0;

	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
		size_t length = strcspn(line, "\n");
		unsigned now = unescaped(line, length, '|'), comments = 0;

		for (const char *c = strstr(line, "<!-- -->"); c != NULL && c < line + length;
			c = strstr(c + 1, "<!-- -->"))
			comments++;
		cr_expect_eq(unescaped(line, length, '<'), comments, "%s", line);
		for (const char *marks = "`*[]~&"; *marks != '\0'; marks++)
			cr_expect_eq(unescaped(line, length, *marks), 0, "%c: %s", *marks, line);
		cr_expect(bars == 0 || now == 0 || now == bars, "%s", line);
		bars = now;
		/* Ours are "## " and "- ok:", "- NOT MET:", "- unknown:". */
		cr_expect(strncmp(line, "# ", 2) != 0 && strncmp(line, "- b", 3) != 0 &&
				  strncmp(line, "1. ", 3) != 0 && strncmp(line, "/", 1) != 0 &&
				  strncmp(line, "===", 3) != 0 && strncmp(line, ">", 1) != 0,
			"%s", line);
	}
	static const char *const links[] = {"http://", "www.", "@" MARK, "#1"};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		cr_expect_null(strstr(text, links[i]), "%s", text);
}

static void check_markup(const char *text)
{
	static const char *const tags[] = {"<script", "<mark", "<img", "<!--", "]]>", "\"'>"};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		cr_expect_null(strstr(text, tags[i]), "%s", tags[i]);
}

static void check_tap(const char *text)
{
	static const char *const begins[] = {"TAP version 13\n", "1..", "ok ", "not ok ", "  "};

	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
		bool known = false;

		for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
			known |= strncmp(line, begins[i], strlen(begins[i])) == 0;
		cr_expect(known, "%s", line);
	}
}

/* What a reader of the JSON is given. */
static void check_strings(const json_t *json)
{
	const char *where, *key;
	json_t *value;
	size_t i;

	if (json_is_string(json))
		cr_expect_null(harm_in(json_string_value(json), false, &where), "%s", where);
	json_array_foreach(json, i, value)
	{
		check_strings(value);
	}
	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		cr_expect_null(harm_in(key, false, &where), "%s", where);
		check_strings(value);
	}
}

static void check_json(const char *text)
{
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	cr_assert_not_null(json, "%s", text);
	check_strings(json);
	json_decref(json);
}

/* A form that is not here has no check of its own, and the test says so. */
static const struct {
	const char *name;
	void (*check)(const char *text);
} checks[] = {{"text", NULL}, {"markdown", check_markdown}, {"csv", check_csv},
	{"html", check_markup}, {"junit", check_markup}, {"tap", check_tap}, {"github", check_json},
	{"github-bigger", check_json}, {"bencher", check_json}, {"metrics", check_csv},
	{"tidy", check_csv}, {"cyclictest", check_json}, {"trace", check_json}};
#define CHECKS (sizeof(checks) / sizeof(checks[0]))

/* which: of the texts, for messages. */
static void check_form(
	const struct report_format *format, const struct report_file *file, size_t which, size_t i)
{
	bool csv = checks[i].check == check_csv;
	struct diag diag = {""};
	const char *where = "";
	char *printed;
	size_t size;
	FILE *out = open_memstream(&printed, &size);

	cr_assert_eq(format->print(file, 1, out, &diag), 0, "%s: %s", format->name, diag.text);
	fclose(out);
	const char *harm = harm_in(printed, csv, &where);

	cr_expect_null(harm, "%s of text %zu: %s at \"%.40s\"", format->name, which, harm, where);
	cr_expect_null(harm_in(diag.text, false, &where), "%s: %s", format->name, diag.text);
	cr_expect_not_null(strstr(printed, MARK), "%s: nothing of text %zu", format->name, which);
	if (checks[i].check != NULL)
		checks[i].check(printed);
	free(printed);
}

static void check_forms(const char *text, size_t which)
{
	struct report_file file = read_document(text);

	for (const struct report_format *format = report_formats; format->name != NULL; format++) {
		size_t i = 0;

		while (i < CHECKS && strcmp(checks[i].name, format->name) != 0)
			i++;
		cr_assert_lt(i, CHECKS, "%s: say how it is checked", format->name);
		check_form(format, &file, which, i);
	}
	json_decref(file.root);
}

Test(harmless, every_form_of_every_text)
{
	for (size_t i = 0; i < EVILS; i++)
		check_forms(evil[i], i);
}

Test(harmless, every_form_of_texts_behind_others)
{
	for (size_t i = 0; i < EVILS; i++) {
		char text[256];

		snprintf(text, sizeof(text), "%s %s", evil[(i * 7 + 3) % EVILS], evil[i]);
		check_forms(text, i);
	}
}

/* Pages that are no file's, and what is said on standard error, go through the same door. */
Test(harmless, pages_messages_and_results_of_our_own)
{
	static const char *const titles[] = {"a", NULL};

	for (size_t i = 0; i < EVILS; i++) {
		struct page *page = page_create();
		struct diag diag;
		const char *where = "";
		char *printed;
		size_t size;
		FILE *out = open_memstream(&printed, &size);
		json_t *json = json_text(evil[i]);

		table_cell(page_table(page, evil[i], "l", titles), "%s", evil[i]);
		page_heading(page, "%s", evil[i]);
		page_note(page, "%s", evil[i]);
		page_verdict(page, VERDICT_BAD, "%s", evil[i]);
		page_print(page, PAGE_TEXT, out);
		fclose(out);
		diag_set(&diag, -1, "%s", evil[i]);
		cr_expect_null(harm_in(printed, false, &where), "%s", where);
		cr_expect_null(harm_in(diag.text, false, &where), "%s", where);
		cr_expect_null(strchr(diag.text, '\n'), "%s", diag.text);
		cr_expect_null(harm_in(json_string_value(json), false, &where), "%s", where);
		json_decref(json);
		page_destroy(page);
		free(printed);
	}
}

/* A word of a command at the place where a line is folded. */
Test(harmless, folding_makes_no_command)
{
	for (unsigned before = 0; before < 2 * TABLE_WIDTH; before++) {
		static const char *const titles[] = {"a", "b", NULL};
		struct page *page = page_create();
		struct table *table = page_table(page, "t", "ll", titles);
		char word[2 * TABLE_WIDTH + 32] = "", *printed;
		const char *where = "";
		size_t size;
		FILE *out = open_memstream(&printed, &size);

		memset(word, 'x', before);
		strcat(word, "::error::##[x]section_start:1:");
		table_cell(table, "%s", word);
		table_cell(table, "%s", "");
		page_note(page, "%s", word);
		page_print(page, PAGE_TEXT, out);
		fclose(out);
		cr_expect_null(harm_in(printed, false, &where), "%u: %s", before, where);
		page_destroy(page);
		free(printed);
	}
}
