"""Strings, n-grams and hashes."""

import numpy as np

from common import MS

F32, F64 = np.float32, np.float64
I32, I64 = np.int32, np.int64


def strs(*a):
    return np.array(a, object)


def make_normalizer(g):
    words = strs("Monday", "tuesday", "WEDNESDAY", "the", "The", "Ünder", "été", "")
    for case in ("NONE", "LOWER", "UPPER"):
        for sensitive in (0, 1):
            for stop in (None, ["the"], ["The", "tuesday"], ["monday"]):
                for x in (words, words.reshape(1, 8), strs("the")):
                    g.case("StringNormalizer", [x], {"case_change_action": case, "is_case_sensitive": sensitive, "stopwords": stop, "locale": "C.UTF-8"}, opset=10)


def make_tfidf(g):
    pool = [2, 3, 5, 4, 5, 6, 7, 8, 6, 7]
    for mode in ("TF", "IDF", "TFIDF"):
        for lo, hi in ((1, 1), (2, 2), (1, 2)):
            for skip in (0, 2, 5):
                attrs = {"mode": mode, "min_gram_length": lo, "max_gram_length": hi, "max_skip_count": skip, "ngram_counts": [0, 4], "ngram_indexes": [0, 1, 2, 3, 4, 5, 6],
                         "weights": None if mode == "TF" else [float(w) for w in g.f(7, lo=0.25)]}
                for x in (g.i(2, 9, 12, dtype=I32), g.i(2, 9, 2, 6)):
                    g.case("TfIdfVectorizer", [x], {**attrs, "pool_int64s": pool}, opset=9)
                x = np.array([f"w{i}" for i in g.i(2, 9, 10)], object)
                g.case("TfIdfVectorizer", [x], {**attrs, "pool_strings": [f"w{i}" for i in pool]}, opset=9)


def make_split(g):
    x = strs("a,b c", "one", ",x,,y", "  lead and  tail ")
    g.case("StringSplit", [strs("a b", "", " ")], nout=2, opset=20)
    g.case("StringSplit", [strs("a,b", "", ",")], {"delimiter": ","}, nout=2, opset=20)
    for delim in (None, ",", " ", "an"):
        for limit in (None, 0, 1, 2):
            g.case("StringSplit", [x], {"delimiter": delim, "maxsplit": limit}, nout=2, opset=20)
    g.case("StringConcat", [strs("a", "b"), strs("x")], opset=20)
    g.case("StringConcat", [strs("a", "b").reshape(2, 1), strs("x", "", "z")], opset=20)
    for pattern in ("a.*", "[0-9]+", "(x|y)z?"):
        g.case("RegexFullMatch", [strs("abc", "12", "xz", "", "y", "a")], {"pattern": pattern}, opset=20)


def make_tokenizer(g):
    text = strs("one two,three", "", "été  αβγ", "a-b_c d", "日本 語")
    for mark in (0, 1):
        for least in (1, 2):
            for seps in ([" "], [" ", ","], [",", "-"], ["[ ,]+"], [""]):
                for x in (text, text[:4].reshape(2, 2)):
                    g.case("Tokenizer", [x], {"mark": mark, "mincharnum": least, "pad_value": "#", "separators": seps}, domain=MS)
            for exp in ("[a-z]+", "[^ ]", "\\w+", "[0-9a-z]{2}"):
                g.case("Tokenizer", [text], {"mark": mark, "mincharnum": least, "pad_value": "0xdead", "tokenexp": exp}, domain=MS)
    g.case("Tokenizer", [strs("", "")], {"mark": 1, "mincharnum": 1, "pad_value": "#", "separators": [" "]}, domain=MS)


def make_murmur(g):
    for positive in (0, 1):
        for seed in (0, 42):
            for x in (g.i(-9, 9, 3, dtype=I32), g.i(0, 9, 2, 2).astype(np.uint32), g.i(-9, 9, 3), g.i(0, 2**40, 3).astype(np.uint64), g.f(3), g.f(3, dtype=F64),
                      strs("", "a", "abc", "abcd", "abcdefgh!", "日本")):
                g.case("MurmurHash3", [x], {"positive": positive, "seed": seed}, domain=MS)


def make_ngram(g):
    for n in (1, 2, 3):
        for b, s in ((1, 6), (3, 4), (2, 2)):
            g.case("NGramRepeatBlock", [g.i(0, 4, b, s), g.f(b, 4)], {"ngram_size": n}, domain=MS)
    for word, width, filters, window in ((6, 3, 4, 2), (8, 2, 3, 3), (5, 4, 2, 1)):
        seq = g.i(0, 7, 6, word, dtype=I32)
        seq[..., 0] = 1 + seq[..., 0] % 6
        seq[0, 3:] = 0
        g.case("WordConvEmbedding", [seq, g.f(filters, 1, window, width), g.f(filters), g.f(7, width)],
               {"conv_window_size": window, "embedding_size": filters, "char_embedding_size": width}, domain=MS)
